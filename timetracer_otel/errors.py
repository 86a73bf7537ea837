"""Every error this package raises.

::

    TimetracerError
    ├── ConfigurationError      a setting that is unknown or malformed
    ├── CassetteError           a cassette that cannot be used
    │   ├── CassetteNotFound        there is none at that path
    │   ├── CassetteFormatError     its bytes are not a cassette
    │   ├── CassetteLimitError      it is larger than what is safe to read
    │   └── BucketError             a bucket that does not give or take one
    ├── ConversionError         traces that cannot be turned into cassettes
    ├── SendingError            spans that a tracing backend did not take
    ├── SearchError             an index of cassettes that cannot be kept
    ├── CollectingError         a receiver of traces that cannot do its work
    ├── CodecError              a value that cannot be written or read back
    ├── ReplayError             a replay that cannot go on
    │   ├── MissError               no recorded call answers a live one
    │   ├── UnusedCallsError        recorded calls did not happen
    │   ├── LiveConnectionError     something tried to reach the world during a replay
    │   └── NoSessionError          a call that belongs to no replay session
    └── ApplicationError        the application to replay could not be loaded or started
"""

from __future__ import annotations


class TimetracerError(Exception):
    """Base of all errors of this package; its text is one line that says what to do next."""


class ConfigurationError(TimetracerError):
    """A setting is unknown or malformed; the text names it, its value and what is allowed."""


class CassetteError(TimetracerError):
    """A cassette cannot be used; the text names the file and the reason."""


class CassetteNotFound(CassetteError):
    """There is no cassette at the path given."""


class CassetteFormatError(CassetteError):
    """The bytes are not a cassette, or not a whole one."""


class CassetteLimitError(CassetteError):
    """The file is larger, deeper or holds more spans than what is safe to read."""


class BucketError(CassetteError, OSError):
    """A bucket did not answer; the text names it and the reason.

    It is an ``OSError`` too: what writes cassettes treats it as a disk that does not take them.
    """


class ConversionError(TimetracerError):
    """Traces cannot be turned into cassettes; the text names the file and the reason."""


class SendingError(TimetracerError):
    """A tracing backend did not take what was sent to it; the text names it and the reason."""


class SearchError(TimetracerError):
    """The index of a folder of cassettes cannot be kept; the text names its file and the reason."""


class CollectingError(TimetracerError):
    """A receiver of traces cannot do its work; the text names the address and the reason."""


class CodecError(TimetracerError):
    """A value cannot be encoded, or encoded text cannot be decoded."""


class ReplayError(TimetracerError):
    """A replay cannot go on."""


class MissError(ReplayError):
    """No recorded call answers a live one; the text names the nearest and the difference."""


class UnusedCallsError(ReplayError):
    """Recorded calls did not happen; the text names them."""


class LiveConnectionError(ReplayError, ConnectionError):
    """Something tried to open a connection during a replay.

    It is a ``ConnectionError`` too, so that libraries treat it as the network being away.
    """


class NoSessionError(ReplayError):
    """A dependency call was made in replay mode outside any replay session."""


class ApplicationError(TimetracerError):
    """The application to replay could not be imported or started."""
