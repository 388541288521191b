"""The parameters that all learners share, and those of gradient descent."""

from __future__ import annotations

from numbers import Integral, Real
from os import PathLike
from typing import Annotated, Any, Literal

from sklearn.utils import check_random_state

from skdeepmir._parameters import (
    NotNegative,
    Positive,
    RandomState,
    Share,
    Size,
    Verbose,
    parameter,
    parameters,
)
from skdeepmir._sklearn import Interval

# More than any machine has: far more end in errors of the operating system.
Threads = Annotated[int, Interval(Integral, 1, 1024, closed="both")]


@parameters
class TrainingParameters:
    """The parameters of training that every learner has."""

    batch_size: Size | None = parameter(
        """
        Clips or rows of a batch; None takes all at once. Some hundred clips need small
        batches, or a hundred passes make too few steps.
        """,
        default=32,
    )
    max_epochs: Size = parameter(
        """
        Passes over all clips. Where the loss still falls after the last, there is a
        ConvergenceWarning.
        """,
        default=100,
    )
    early_stopping: bool = parameter(
        """
        Whether to stop when the validation score has not risen by ``tol`` for
        ``n_iter_no_change`` epochs, and go back to the best epoch.
        """,
        default=False,
    )
    validation_fraction: Annotated[float, Interval(Real, 0, 1, closed="neither")] = (
        parameter(
            """
            Share of the clips, in proportion to their classes, that is held out to
            validate on where ``fit`` needs some and gets no ``X_val``. Clips of one
            artist can be on both sides: pass ``X_val`` to validate by artist.
            """,
            default=0.1,
        )
    )
    n_iter_no_change: Size = parameter(
        """
        Epochs without an improvement by ``tol`` after which ``early_stopping`` stops
        (and an "adaptive" learning rate falls).
        """,
        default=10,
    )
    tol: NotNegative = parameter(
        "Smallest rise of the score that counts as an improvement.", default=1e-4
    )
    precision: Literal["float32", "float64", "bfloat16"] = parameter(
        """
        Precision of training. "bfloat16" multiplies matrices in 16 bits: faster on a
        GPU, and for large layers on processors that have it.
        """,
        default="float32",
    )
    device: Literal["cpu", "cuda", "mps", "auto"] = parameter(
        """
        Where to train and predict: the processor, which is fast enough for small nets
        and gives the same bits every time; a GPU of NVIDIA or AMD ("cuda") or of Apple
        ("mps"); or the first of "cuda", "mps" and "cpu" that there is ("auto"). On a
        machine without that GPU a fitted estimator predicts on the processor, with
        other rounding errors. What is predicted in float64 is computed there as well
        where it was trained with "mps", which has no float64.
        """,
        default="cpu",
    )
    n_threads: Threads | None = parameter(
        """
        Threads of torch. One is fastest for small nets, leaves the other cores to
        ``n_jobs`` of a search, and gives the same bits wherever it runs on one machine.
        More help large nets where cores are idle (4, say; None takes all cores). On a
        machine that is busy they are several times slower than one.
        """,
        default=1,
    )
    callbacks: list[Any] | tuple[Any, ...] | None = parameter(
        """
        Called during training, with a ``skorch.NeuralNet`` as ``net`` that knows
        classes by number; its ``history`` ends with the fit. One whose
        ``on_epoch_end`` returns True stops the fit, as does skorch's
        ``EarlyStopping``. ``EpochScoring`` and ``BatchScoring`` score what the net
        sees, not clips: rows, an excerpt of each clip, or frames that have a label.
        With ``on_train=True`` that is under dropout and augmentation, unless they have
        ``use_caching=False``. ``LRScheduler`` needs
        ``learning_rate_schedule="constant"``. Set None before
        :func:`~skdeepmir.save`. (Callbacks of scikit-learn: ``set_callbacks``.)
        """,
        default=None,
        kind="list of skorch.callbacks.Callback or None",
    )
    checkpoint_dir: str | PathLike[Any] | None = parameter(
        """
        Folder in which the state is saved after each epoch. A fit that was killed or
        interrupted, called again with the same parameters and data, goes on from there
        and ends with the same weights, bit for bit on the same machine. With an int
        ``random_state`` and ``callbacks=None`` the result of a fit is kept as well,
        and the same fit takes it without training: a search that was killed does only
        what is missing. Delete the folder when the search is done; see the notes of
        :class:`~skdeepmir.DropoutMLPClassifier`.
        """,
        default=None,
    )
    random_state: RandomState = parameter(
        "Draws first weights, the order of clips, masks and validation clips.",
        default=None,
    )
    verbose: Verbose = parameter(
        """
        Whether to show a progress bar, with the losses of the last epoch, where
        training takes longer than two seconds. Workers of a search show none: see all
        of it by ``search.set_callbacks(sklearn.callback.ProgressBar())``.
        """,
        default=True,
        kind="bool",
    )

    def _draw_seed(self) -> int:
        """Draw the seed of all randomness of a fit."""
        return int(check_random_state(self.random_state).randint(2**31 - 1))


@parameters
class DescentParameters:
    """The parameters of gradient descent."""

    optimizer: Literal["adam", "sgd", "adagrad"] = parameter(
        """
        "sgd" is gradient descent with Nesterov's momentum, which rises from 0.5
        (Sutskever et al., ICML 2013).
        """,
        default="adam",
    )
    learning_rate: Positive | Literal["auto"] = parameter(
        'Step size. "auto" is 0.001 ("adam"), 0.1 ("sgd") or 0.01 ("adagrad").',
        default="auto",
    )
    learning_rate_schedule: Literal["constant", "linear", "exponential", "adaptive"] = (
        parameter(
            """
            "linear" falls to 0 at ``max_epochs``, which quiets the noise of small
            batches and masks; "exponential" is multiplied by ``learning_rate_decay``
            each epoch; "adaptive" is divided by 5 when the loss (or the validation
            score, with ``early_stopping``) has not improved by ``tol`` for
            ``n_iter_no_change`` epochs, and training stops below 1e-6.
            ``partial_fit`` is always "constant".
            """,
            default="linear",
        )
    )
    learning_rate_decay: Annotated[float, Interval(Real, 0, 1, closed="right")] = (
        parameter(
            "What an exponential schedule multiplies the learning rate by.",
            default=0.998,
        )
    )
    momentum: Share = parameter('Largest momentum of "sgd".', default=0.99)
    weight_decay: NotNegative = parameter(
        "Cost of half the squared weights (not of biases).", default=0.0
    )
    gradient_clipping: Positive | None = parameter(
        "Largest norm of the gradient; None does not clip.", default=None
    )
    warm_start: bool = parameter(
        """
        Whether ``fit`` begins with the weights of the fit before, and with what it
        learned to scale its input by.
        """,
        default=False,
    )
