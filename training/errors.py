"""What can go wrong on the workstation, beside the tree of `edge.errors`."""

from edge.errors import EdgeError


class DataSetError(EdgeError):
    """A folder of pictures makes no sense as a data set."""


class TrainingError(EdgeError):
    """The network did not learn, and the model must not be used."""


class ExportError(EdgeError):
    """The exported model does not do what the trained one does, or could not be written."""
