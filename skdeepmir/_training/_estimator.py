"""What estimators by nets have in common: ``NetEstimator``."""

from __future__ import annotations

from dataclasses import dataclass, fields
from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from skdeepmir._bases import BaseEstimator
from skdeepmir._errors import telling_of
from skdeepmir._sklearn import (
    CallbackSupportMixin,
    EpochWatch,
    fitted_attributes,
    parameters_of,
)
from skdeepmir._tag_names import check_same_names, names_of
from skdeepmir._threads import limit_threads
from skdeepmir._training._convergence import warn_of_loss
from skdeepmir._training._data import LabelledClips, tensor_of, torch_dtype
from skdeepmir._training._devices import Placed, choose_device, predicting_device
from skdeepmir._training._engine import Progress, train
from skdeepmir._training._gradient import GradientStep
from skdeepmir._training._parameters import DescentParameters, TrainingParameters
from skdeepmir._units import NetLayer, numbered
from skdeepmir._validation import check_weights


@dataclass(frozen=True)
class Training:
    """The parts of a fit.

    Attributes
    ----------
    coding : Coding
        What targets mean.
    feed : Feed
        How clips become batches and logits.
    net : nn.Module
        What is trained, in place.
    generator : torch.Generator
        All randomness; says on which device.
    seed : int
        What the generator began with.
    """

    coding: Any
    feed: Any
    net: Any
    generator: torch.Generator
    seed: int


class NetEstimator(
    DescentParameters, TrainingParameters, CallbackSupportMixin, BaseEstimator
):
    """An estimator of clips by a net.

    It has three parts: a *coding* says what targets mean, a *feed* how clips become
    batches and logits, a *net* turns tensors into logits. A subclass makes them, keeps
    what the first two learned as fitted attributes, and makes them again from these.
    """

    weights_: dict[str, np.ndarray]
    loss_curve_: np.ndarray
    validation_scores_: np.ndarray
    n_iter_: int

    def _read_targets(self, y, layout, name="y"):
        """Return targets, checked."""
        raise NotImplementedError

    def _make_coding(self, y, sample_weight):
        """Return the coding that checked targets need."""
        raise NotImplementedError

    def _keep_coding(self, coding):
        """Keep what a coding learned as fitted attributes."""
        raise NotImplementedError

    def _coding(self):
        """Return the coding that was fitted."""
        raise NotImplementedError

    def _continued(self, coding):
        """Return the fitted coding, with which a warm start goes on."""
        earlier = self._coding()
        coding.check_same(earlier)
        return earlier

    def _weigh(self, given, coding, targets, sample_weight):
        """Return weights of clips, or of each output of each clip, or None."""
        return sample_weight

    def _make_feed(self, given):
        """Return a feed that has not learned yet, by the parameters ``given``."""
        raise NotImplementedError

    def _keep_feed(self, feed):
        """Keep what a feed learned as fitted attributes."""

    def _feed(self, given):
        """Return the feed that was fitted."""
        return self._make_feed(given)

    def _make_net(self, given, feed, n_outputs, generator, is_new):
        """Return the net; unless it is new, its weights need not be set."""
        raise NotImplementedError

    def _caller(self, net, n_outputs, generator):
        """Return what gives outputs for the inputs of a batch: a net, or around one."""
        return net

    def _prepare(self, given, net, feed, data, generator):
        """Change the first weights of a net, in place."""

    def _after_step(self, given, net):
        """Return what is called after each step, or None."""
        return None

    def _finish(self, given, training, batches):
        """Change the net after ``fit`` trained it on batches, in place."""

    def _holds_out(self, given):
        """Whether ``fit`` needs clips that it does not train on."""
        return given.early_stopping

    def _fit(self, X, y, sample_weight=None, X_val=None, y_val=None):
        given = parameters_of(self)
        goes_on = given.warm_start and hasattr(self, "weights_")
        feed = self._feed(given) if goes_on else self._make_feed(given)
        clips, layout = feed.read(self, X, reset=not goes_on, dtype=feed.dtype)
        sample_weight = check_weights(sample_weight, layout.n_clips)
        y_read = self._read_targets(y, layout)
        coding = self._make_coding(y_read, sample_weight)
        if goes_on:
            coding = self._continued(coding)
        data = self._label(given, coding, clips, layout, y_read, sample_weight)
        watched = None
        if X_val is not None or y_val is not None:
            check_same_names(names_of(y_val, "y_val"), names_of(y), "y_val", "y")
            watched = self._read_validation(coding, feed, X_val, y_val)
        earlier = self.weights_ if goes_on else None
        seed, checkpoint, finished = self._draw_seed(), None, None
        if given.checkpoint_dir is not None:
            checkpoint = self._open_checkpoint(coding, feed, earlier, data, watched)
            seed, finished = checkpoint.keep("seed", seed), checkpoint.finished
        if watched is None and self._holds_out(given):
            data, watched = data.hold_out(given.validation_fraction, seed)
        with limit_threads(given.n_threads):
            if not goes_on:
                coding = coding.learn(data)
                feed = feed.learn(data, coding, seed)
            is_new = checkpoint is None or not (finished or checkpoint.state)
            training = self._begin(
                given, coding, feed, data, seed, earlier, is_new=is_new
            )
            if finished is None:
                self._run(training, given, X, y, data, watched, checkpoint)
            else:
                self._take(training, given, X, y, finished)
            self._learn_last(given, data, watched)
        guessing, scores = self._coding().guessing_loss, self.validation_scores_
        warn_of_loss(given, self.loss_curve_, -scores, guessing)
        self._training_state = None
        if checkpoint is not None:
            checkpoint.complete(self._result(training.net))
        return self

    @property
    def module_(self) -> torch.nn.Module:
        """The net with its fitted weights, in float64, on the processor."""
        check_is_fitted(self)
        given = parameters_of(self)
        return self._fitted_net(given, self._feed(given))

    def __sklearn_is_fitted__(self):
        return hasattr(self, "weights_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _unit_layers(self):
        """Return the layers whose units can be looked at, the output last."""
        given = parameters_of(self)
        feed, coding = self._feed(given), self._coding()
        net = self._fitted_net(given, feed).requires_grad_(False)
        generator = torch.Generator()  # draws nothing
        output = NetLayer(
            "output",
            self._caller(net, coding.n_outputs, generator),
            self._output_span(net),
        )
        layers = [*self._hidden_layers(net), output]
        return feed.unit_layers(
            layers, self._output_names(coding.n_outputs), self.n_features_in_
        )

    def _hidden_layers(self, net):
        """Return the hidden layers of a net (``NetLayer``), from the bottom up."""
        return []

    def _output_span(self, net):
        """Return the frames that the output of a frame sees, or None: all."""
        return (0, 1)

    def _output_names(self, n_outputs):
        """Return names of the outputs: tags, classes, or numbers."""
        names = getattr(self, "tag_names_", getattr(self, "classes_", ()))
        if len(names) == 2 and n_outputs == 1:
            names = names[1:]
        if len(names) != n_outputs:
            return numbered(n_outputs)
        return [str(name) for name in names]

    def _label(self, given, coding, clips, layout, y, sample_weight, name="y"):
        targets = coding.encode(y, layout, name)
        weight = self._weigh(given, coding, targets, sample_weight)
        return LabelledClips(clips, layout, targets, weight)

    def _read_validation(self, coding, feed, X_val, y_val):
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be passed together.")
        with telling_of("X_val"):
            clips, layout = feed.read(self, X_val, reset=False, dtype=feed.dtype)
        y_val = self._read_targets(y_val, layout, "y_val")
        targets = coding.encode(y_val, layout, "y_val")
        return LabelledClips(clips, layout, targets, None)

    def _learn_last(self, given, data, watched):
        """Learn the last things after training, from clips to validate on or None.

        ``data`` are those that were trained on.
        """

    def _open_checkpoint(self, coding, feed, earlier, *data):
        from skdeepmir._training._checkpoints import Checkpoint

        learned = earlier and {
            f.name: getattr(feed, f.name) for f in fields(feed) if f.compare
        }
        return Checkpoint(self.checkpoint_dir, self, coding, earlier, learned, *data)

    def _begin(self, given, coding, feed, data, seed, earlier, *, is_new=True):
        """Return what is to be trained: a new net, or one with the weights ``earlier``.

        Unless ``is_new``, a checkpoint will set its weights.
        """
        device = choose_device(given.device, given.precision)
        generator = torch.Generator(device).manual_seed(seed)
        net = self._make_net(given, feed, coding.n_outputs, generator, is_new)
        net = net.to(device, torch_dtype(feed.dtype))
        if earlier is not None:
            self._load_weights(net, earlier)
        elif is_new:
            self._prepare(given, net, feed, data, generator)
        return Training(coding, feed, net, generator, seed)

    def _load_weights(
        self, net, weights, fix="use warm_start=False (a clone, for partial_fit)"
    ):
        found = {name: list(array.shape) for name, array in weights.items()}
        expected = {n: list(t.shape) for n, t in net.state_dict().items()}
        if found != expected:
            raise ValueError(
                f"The fit before had a net with weights of shapes {found}, but the "
                f"parameters now ask for {expected}. Set them back, or {fix}."
            )
        net.load_state_dict({n: tensor_of(w) for n, w in weights.items()})

    def _run(self, training, given, X, y, data, watched, checkpoint):
        """Train a net to the end, and keep what was learned."""
        batches, validation = (
            part
            and training.feed.batches(
                part, training.generator, given.batch_size, training=part is data
            )
            for part in (data, watched)
        )
        n_done = 0 if checkpoint is None else checkpoint.n_epochs
        epochs = EpochWatch(self, given.max_epochs, X, y, n_done)
        progress = train(
            self._step(training, given),
            batches,
            given,
            watch=epochs,
            state=lambda progress: self._as_after(training, progress),
            validation=validation,
            checkpoint=checkpoint,
        )
        self._finish(given, training, batches)
        self._keep(training, progress)
        epochs.finish()

    def _step(self, training, given):
        return GradientStep(
            training.net,
            training.coding.make_loss(),
            given,
            training.generator,
            caller=self._caller(
                training.net, training.coding.n_outputs, training.generator
            ),
            after=self._after_step(given, training.net),
        )

    def _take(self, training, given, X, y, result):
        """Keep what an earlier call of the same fit ended with."""
        epochs = EpochWatch(self, given.max_epochs, X, y)
        training.net.load_state_dict(result["module"])
        curves = result["loss_curve"], result["validation_scores"]
        self._keep(training, Progress(result["n_epochs"], *curves))
        epochs.finish()

    def _keep(self, training, progress):
        """Keep what was learned."""
        self.weights_ = {
            name: tensor.detach().cpu().numpy().copy()
            for name, tensor in training.net.state_dict().items()
        }
        self.loss_curve_ = np.array(progress.loss_curve)
        self.validation_scores_ = np.array(progress.validation_scores)
        self.n_iter_ = progress.n_epochs
        self._mask_seed = training.seed
        self._keep_coding(training.coding)
        self._keep_feed(training.feed)

    def _as_after(self, training, progress):
        """Return the fitted attributes as they are after an epoch."""
        return fitted_attributes(self, lambda twin: twin._keep(training, progress))

    def _result(self, net):
        """Return what a fit ended with as plain values and tensors."""
        return {
            "module": net.state_dict(),
            "n_epochs": self.n_iter_,
            "loss_curve": self.loss_curve_.tolist(),
            "validation_scores": self.validation_scores_.tolist(),
        }

    def _fitted_net(self, given, feed):
        """Return the net with its fitted weights, in float64, on the processor."""
        n_outputs = self._coding().n_outputs
        net = self._make_net(given, feed, n_outputs, None, False).double()
        self._load_weights(net, self.weights_, "fit again")
        return net.eval()

    def _predictor(self, given, feed, generator):
        """Return what gives logits of tensors, on the device of the generator."""
        dtype = torch_dtype(feed.predict_dtype)
        net = self._fitted_net(given, feed).to(generator.device, dtype)
        return self._caller(net, self._coding().n_outputs, generator)

    def _logits(self, X, method="logits"):
        """Return what the net gives for clips (n_clips, n_outputs), in float64."""
        check_is_fitted(self)
        given = parameters_of(self)
        feed = self._feed(given)
        clips, layout = feed.read(self, X, reset=False, dtype=feed.predict_dtype)
        return self._logits_of(given, feed, clips, layout, method)

    def _logits_of(self, given, feed, clips, layout, method="logits"):
        device = predicting_device(given.device, torch_dtype(feed.predict_dtype))
        with torch.inference_mode(), limit_threads(given.n_threads):
            net = self._predictor(given, feed, torch.Generator(device))
            if device.type != "cpu":
                net = Placed(net, device)
            return getattr(feed, method)(net, clips, layout)


def check_sizes(name: str, sizes: Any, what: str) -> list[int]:
    """Return sizes of layers as a list; ``what`` says of what they are numbers."""
    for size in sizes:
        if not isinstance(size, Integral) or isinstance(size, bool) or size < 1:
            raise ValueError(
                f"{name}={sizes!r} must be numbers of {what}, from 1 up; found "
                f"{size!r}."
            )
    return [int(size) for size in sizes]
