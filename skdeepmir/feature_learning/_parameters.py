"""The parameters that all learners of features without labels share."""

from __future__ import annotations

from numbers import Real
from typing import Annotated, Any, Literal

from skdeepmir._parameters import (
    Count,
    NotNegative,
    Share,
    Size,
    Sizes,
    parameter,
    parameters,
)
from skdeepmir._sklearn import Interval
from skdeepmir._training._parameters import TrainingParameters


@parameters
class LayerwiseParameters(TrainingParameters):
    """The parameters of training layer upon layer, without labels."""

    max_epochs: Count | Sizes = parameter(
        "Passes over all frames, for all layers or one number for each.",
        default=10,
        kind="int or tuple of int",
    )
    layers: Literal["last", "all"] | Sizes = parameter(
        """
        Whose activations are the features: the last layer's, those of all layers side
        by side, or of some, counted from 0.
        """,
        default="last",
        kind='{"last", "all"} or tuple of int',
    )
    device: Literal["cpu", "cuda", "mps", "auto"] = parameter(
        """
        Where to learn: the processor, a GPU of NVIDIA or AMD ("cuda") or of Apple
        ("mps"), or the first of "cuda", "mps" and "cpu" that there is ("auto").
        Features are computed on the processor: few frames take longer on their way to a
        GPU than through the layers.
        """,
        default="cpu",
    )
    validation_fraction: Share = parameter(
        """
        Share of the clips that is held out where ``fit`` gets no ``X_val``: to watch
        how much better the others are learned, and to stop early. Nothing is held out
        of one clip, or where this is 0. Clips of one artist can be on both sides: pass
        ``X_val`` to validate by artist.
        """,
        default=0.1,
    )
    callbacks: list[Any] | tuple[Any, ...] | None = parameter(
        """
        Called during the training of each layer, with a ``skorch.NeuralNet`` as ``net``
        whose ``module_`` is what learns; its ``history`` ends with it. One whose
        ``on_epoch_end`` returns True goes on to the next layer, as does skorch's
        ``EarlyStopping``. Losses are reconstruction errors, or what else is minimised;
        batches have none.
        Set None before :func:`~skdeepmir.save`. (Callbacks of scikit-learn:
        ``set_callbacks``.)
        """,
        default=None,
        kind="list of skorch.callbacks.Callback or None",
    )


@parameters
class PretrainingParameters(LayerwiseParameters):
    """The parameters of training layer upon layer by contrastive divergence."""

    cd_steps: Size = parameter(
        "Gibbs steps of contrastive divergence. One is enough for features.", default=1
    )
    momentum: Share = parameter(
        """
        Share of the last step that is made again; it rises from 0.5 over five epochs.
        """,
        default=0.9,
    )
    weight_decay: NotNegative = parameter(
        "Cost of half the squared weights in pre-training.", default=2e-4
    )
    sparsity_target: Annotated[float, Interval(Real, 0, 1, closed="neither")] | None = (
        parameter(
            """
            Mean activation that hidden units are drawn to, such as 0.05; None: to
            nothing.
            """,
            default=None,
        )
    )
    sparsity_cost: NotNegative = parameter("How strongly they are drawn.", default=0.1)
    precision: Literal["float32", "bfloat16"] = parameter(
        """
        Of the factors in the products of contrastive divergence. "bfloat16" is two to
        three times as fast on processors that have it, and as good.
        """,
        default="float32",
    )
