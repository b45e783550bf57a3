"""Everything that can go wrong, as one tree.

::

    EdgeError
    ├── ConfigError            a configuration file says something impossible: exit, outputs safe
    ├── BundleError            a model bundle is damaged, foreign or from another format: exit or not READY
    ├── PictureError           a picture or a folder of pictures cannot be used
    ├── ModelError             the network gave something that is not an embedding
    ├── RecordError            a record could not be kept: the station is not READY
    ├── NotJudged              a frame is not fit to be judged: FAULT with its reason
    └── DeviceError
        ├── DeviceUnavailable  the device is not there, or somebody else holds it
        ├── DeviceTimeout      it did not answer in time
        └── DeviceFault        it answered, and wrongly

Each message is one plain sentence: what is wrong, where, and what to do. Below the station there are exceptions, above
it there are verdicts.
"""

from edge.verdict import Reason


class EdgeError(Exception):
    """The root of every error that this product raises on purpose."""


class ConfigError(EdgeError):
    """A configuration file says something that cannot be meant."""


class BundleError(EdgeError):
    """A model bundle is damaged, foreign, or written in a format that this version cannot read."""


class PictureError(EdgeError):
    """A picture, or a folder of pictures, cannot be used."""


class ModelError(EdgeError):
    """The network gave something that is not an embedding."""


class RecordError(EdgeError):
    """A record could not be kept."""


class DeviceError(EdgeError):
    """A camera, trigger or output failed."""


class DeviceUnavailable(DeviceError):
    """The device is not there, or somebody else holds it."""


class DeviceTimeout(DeviceError):
    """The device did not answer in time."""


class DeviceFault(DeviceError):
    """The device answered, and wrongly."""


class NotJudged(EdgeError):
    """A frame is not fit to be judged; becomes a FAULT with this reason and detail."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail
