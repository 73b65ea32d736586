"""Training of networks whose masks hold in every step, in float32."""

from sparsekit.pruning._trainer._losses import LOSSES, Objective
from sparsekit.pruning._trainer._options import TrainingOptions, options_of
from sparsekit.pruning._trainer._targets import (
    decode_labels,
    decode_probabilities,
    describe_labels,
    encode_targets,
)
from sparsekit.pruning._trainer._train import Trained, TrainingState, train

__all__ = [
    "LOSSES",
    "Objective",
    "Trained",
    "TrainingOptions",
    "TrainingState",
    "decode_labels",
    "decode_probabilities",
    "describe_labels",
    "encode_targets",
    "options_of",
    "train",
]
