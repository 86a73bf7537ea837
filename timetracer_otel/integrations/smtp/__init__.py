"""smtplib and aiosmtplib: mails, and the commands around them."""
