"""smtplib and aiosmtplib: mails, and the commands around them."""

from timetracer_otel.integrations.smtp.asynchronous import AiosmtplibIntegration
from timetracer_otel.integrations.smtp.blocking import SmtplibIntegration

__all__ = ["AiosmtplibIntegration", "SmtplibIntegration"]
