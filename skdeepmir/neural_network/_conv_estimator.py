"""What ``ConvTagger`` and ``ConvRegressor`` have in common."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np

from skdeepmir._sklearn import Interval, StrOptions, parameters_of, validate_frames
from skdeepmir._training._device import torch_dtype
from skdeepmir._training._labelled import scale_of
from skdeepmir._training._net_estimator import NetEstimator
from skdeepmir._training._parameters import TRAINING_CONSTRAINTS, check_sizes

EXCERPTS_AT_ONCE = 4  # in predictions: fast, and little memory
SHARE = [Interval(Real, 0, 1, closed="left")]
COUNT = [Interval(Integral, 0, None, closed="left")]


class ConvEstimator(NetEstimator):
    """An estimator by a convolutional net on excerpts of clips."""

    _parameter_constraints = {
        **TRAINING_CONSTRAINTS,
        "channels": ["array-like"],
        "filters": [StrOptions({"square", "time", "musical"})],
        "activation": [StrOptions({"relu", "logistic", "tanh", "softplus", "maxout"})],
        "maxout_pieces": [Interval(Integral, 1, None, closed="left")],
        "pooling": [StrOptions({"max", "average", "lp", "stochastic"})],
        "lp_order": [Interval(Real, 1, None, closed="left")],
        "contrast_size": COUNT,
        "dropout": SHARE,
        "input_dropout": SHARE,
        "output_dropout": SHARE,
        "initialization": [StrOptions({"glorot", "he", "sparse"})],
        "excerpt_length": [Interval(Integral, 1, None, closed="left")],
        "shift_bands": COUNT,
        "mask_bands": COUNT,
        "mask_frames": COUNT,
        "mixup": [Interval(Real, 0, 0.5, closed="both")],
        "warm_start": ["boolean"],
    }

    def __init__(
        self,
        channels=(32, 64, 128, 256),
        *,
        filters="square",
        activation="relu",
        maxout_pieces=2,
        pooling="max",
        lp_order=2.0,
        contrast_size=0,
        dropout=0.0,
        input_dropout=0.0,
        output_dropout=0.5,
        initialization="he",
        excerpt_length=128,
        shift_bands=0,
        mask_bands=0,
        mask_frames=0,
        mixup=0.0,
        optimizer="adam",
        learning_rate="auto",
        learning_rate_schedule="linear",
        learning_rate_decay=0.998,
        momentum=0.99,
        weight_decay=0.0,
        gradient_clipping=None,
        batch_size=32,
        max_epochs=100,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        precision="float32",
        device="cpu",
        n_threads=1,
        callbacks=None,
        checkpoint_dir=None,
        random_state=None,
        verbose=True,
    ):
        self.channels = channels
        self.filters = filters
        self.activation = activation
        self.maxout_pieces = maxout_pieces
        self.pooling = pooling
        self.lp_order = lp_order
        self.contrast_size = contrast_size
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.output_dropout = output_dropout
        self.initialization = initialization
        self.excerpt_length = excerpt_length
        self.shift_bands = shift_bands
        self.mask_bands = mask_bands
        self.mask_frames = mask_frames
        self.mixup = mixup
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.learning_rate_decay = learning_rate_decay
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.gradient_clipping = gradient_clipping
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.precision = precision
        self.device = device
        self.n_threads = n_threads
        self.callbacks = callbacks
        self.checkpoint_dir = checkpoint_dir
        self.random_state = random_state
        self.verbose = verbose

    def _read_clips(self, X, *, reset, dtype):
        return validate_frames(self, X, reset=reset, dtype=dtype)

    def _begin_learned(self, coding, data, seed):
        mean, variance = data.mean_and_variance()
        return {
            "mean_": mean.astype(self._dtype()),
            "scale_": scale_of(mean, variance).astype(self._dtype()),
            "excerpt_length_": min(int(self.excerpt_length), max(map(len, data.rows))),
        }

    def _make_module(self, n_outputs, fitted, generator, initialization):
        from skdeepmir import nets

        given = parameters_of(self)
        size = given.contrast_size
        if size and (size < 3 or size % 2 == 0):
            raise ValueError(
                f"contrast_size={size!r} must be 0, or odd (so that the "
                "window has a middle) and over 1."
            )
        channels = check_sizes("channels", self.channels, "maps")
        if not channels:
            raise ValueError("channels=() has no block; expected one or more.")
        return nets.ConvNet(
            self.n_features_in_,
            n_outputs,
            channels,
            filters=given.filters,
            activation=given.activation,
            maxout_pieces=given.maxout_pieces,
            pooling=given.pooling,
            lp_order=given.lp_order,
            contrast_size=size,
            dropout=given.dropout,
            input_dropout=given.input_dropout,
            output_dropout=given.output_dropout,
            initialization=initialization,
            generator=generator,
        )

    def _dataset(self, data, fitted, generator, *, training):
        from skdeepmir._training._data import Augmentation, Excerpts

        given = parameters_of(self)
        targets, weight = self._loss_tensors(data, generator.device)
        return Excerpts(
            data.rows,
            targets,
            weight,
            length=fitted["excerpt_length_"],
            mean=fitted["mean_"],
            scale=fitted["scale_"],
            n_classes=len(fitted.get("classes_", ())),
            augmentation=Augmentation(
                given.shift_bands, given.mask_bands, given.mask_frames, given.mixup
            ),
            generator=generator,
            training=training,
        )

    def _logits_of_clips(self, module, clips, layout, generator, average=True):
        by_clip = [self._logits_of_excerpts(module, clip) for clip in clips]
        if not average:
            return by_clip
        return np.array([logits.mean(axis=0) for logits in by_clip])

    def _logits_of_excerpts(self, module, clip):
        """Return the logits of all excerpts of a clip."""
        from skdeepmir._training._data import excerpt, tensor_of

        length = self.excerpt_length_
        if len(clip) < length:
            clip = excerpt(clip, length, 0)
        last = len(clip) - length
        starts = [*range(0, last, max(1, length // 2)), last]
        # One array for all: what is kept between large temporaries holds their memory.
        logits = np.empty((len(starts), module.output.out_features))
        for k in range(0, len(starts), EXCERPTS_AT_ONCE):
            part = [clip[s : s + length] for s in starts[k : k + EXCERPTS_AT_ONCE]]
            with np.errstate(over="ignore"):  # noticed below
                part = tensor_of((np.stack(part) - self.mean_) / self.scale_)
            with self._autocast():
                logits[k : k + len(part)] = module(part).double().numpy()
        if not np.isfinite(logits).all():
            raise ValueError(
                f"X has values up to {np.abs(clip).max():.3g}, of which the net makes "
                "numbers that are not finite. Scale X as it was for fit."
            )
        return logits

    def _finish(self, module, rows, settings):
        from skdeepmir._training._data import Augmentation, Batches

        rows.augmentation = Augmentation()  # as in prediction
        size = settings.batch_size or len(rows)
        batches = Batches(rows, size, rows.generator, rows.generator.device)
        with self._autocast(rows.generator.device):
            module.renew_statistics(batches)

    def _autocast(self, device="cpu"):
        """Return the context in which nets compute where training did not set one."""
        import torch

        device = torch.device(device).type
        return torch.autocast(device, torch.bfloat16, self.precision == "bfloat16")

    def _predicting_dtype(self):
        return self._dtype()

    def _predicting_module(self, generator):

        module = self._fitted_module(generator).folded()
        return module.to(torch_dtype(self._dtype()))
