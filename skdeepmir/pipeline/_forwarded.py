"""Methods of the last step that scikit-learn's pipeline does not know, on audio."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from os import PathLike
from typing import Any

from sklearn.utils.validation import check_is_fitted

from skdeepmir._bases import ScikitPipeline, available_if
from skdeepmir._frame_rates import check_rates
from skdeepmir.pipeline._streaming import (
    chosen,
    has_flat_memory,
    reduced,
    stream_delay,
    streamed,
    streams,
)


def _last_has(name: str) -> Callable[[Any], bool]:
    def check(self: Any) -> bool:
        getattr(chosen(self.steps[-1][1]), name)  # says which estimator has none
        return True

    return check


class ForwardingPipeline(ScikitPipeline):
    """A pipeline with the methods of its last step."""

    @available_if(_last_has("predict_intervals"))
    def predict_intervals(self, X: Any, **options: Any) -> list[Any]:
        """Transform clips, and recognise when labels hold.

        Parameters
        ----------
        X : list of path or ndarray
            Clips, see :meth:`fit`.
        **options : dict
            Of the last step's ``predict_intervals``.

        Returns
        -------
        annotations : list of tuple (intervals, labels)
            For each clip ``intervals`` of shape (n, 2) in seconds and ``labels``.
        """
        return self._hand_to_last("predict_intervals", X, **options)

    @available_if(_last_has("predict_activations"))
    def predict_activations(self, X: Any, **options: Any) -> Any:
        """Transform clips, and predict when classes or tags are there.

        Parameters
        ----------
        X : list of path or ndarray
            Clips, see :meth:`fit`.
        **options : dict
            Of the last step's ``predict_activations``.

        Returns
        -------
        activations : ndarray of shape (n_clips,), dtype=object
            What the last step returns, such as the probabilities of each excerpt.
        """
        return self._hand_to_last("predict_activations", X, **options)

    @available_if(_last_has("predict_tags"))
    def predict_tags(self, X: Any, **options: Any) -> list[list[str]]:
        """Transform clips, and predict the names of their tags.

        Parameters
        ----------
        X : list of path or ndarray
            Clips, see :meth:`fit`.
        **options : dict
            Of the last step's ``predict_tags``.

        Returns
        -------
        tags : list of list of str
            Names of the tags of each clip.
        """
        return self._hand_to_last("predict_tags", X, **options)

    @available_if(_last_has("to_lab"))
    def to_lab(
        self, X: Any, paths: Sequence[str | PathLike[str]], **options: Any
    ) -> list[Any]:
        """Transform clips, and write when labels hold to ``.lab`` files.

        Parameters
        ----------
        X : list of path or ndarray
            Clips, see :meth:`fit`.
        paths : list of str or PathLike
            A file for each clip; existing ones are replaced.
        **options : dict
            Of the last step's ``to_lab``.

        Returns
        -------
        annotations : list of tuple (intervals, labels)
            What was written; see :meth:`predict_intervals`.
        """
        return self._hand_to_last("to_lab", X, paths, **options)

    @available_if(_last_has("to_txt"))
    def to_txt(
        self, X: Any, paths: Sequence[str | PathLike[str]], **options: Any
    ) -> Any:
        """Transform clips, and write when events happen to ``.txt`` files.

        Parameters
        ----------
        X : list of path or ndarray
            Clips, see :meth:`fit`.
        paths : list of str or PathLike
            A file for each clip; existing ones are replaced.
        **options : dict
            Of the last step's ``to_txt``.

        Returns
        -------
        events : ndarray of shape (n_clips,), dtype=object
            What was written.
        """
        return self._hand_to_last("to_txt", X, paths, **options)

    @available_if(_last_has("predict_roll"))
    def predict_roll(self, X: Any, **options: Any) -> Any:
        """Transform clips, and predict which notes sound in each frame.

        Parameters
        ----------
        X : list of path or ndarray
            Clips, see :meth:`fit`.
        **options : dict
            Of the last step's ``predict_roll``.

        Returns
        -------
        rolls : list of ndarray of shape (n_frames_i, n_notes), or ndarray
            What the last step returns.
        """
        return self._hand_to_last("predict_roll", X, **options)

    @available_if(_last_has("to_midi"))
    def to_midi(
        self, X: Any, paths: Sequence[str | PathLike[str]], **options: Any
    ) -> list[Any]:
        """Transform clips, and write their notes to MIDI files.

        Parameters
        ----------
        X : list of path or ndarray
            Clips, see :meth:`fit`.
        paths : list of str or PathLike
            A file for each clip; existing ones are replaced.
        **options : dict
            Of the last step's ``to_midi``.

        Returns
        -------
        notes : list of ndarray of shape (n_notes_i,)
            What was written.
        """
        return self._hand_to_last("to_midi", X, paths, **options)

    @available_if(_last_has("to_tsv"))
    def to_tsv(
        self, X: Any, paths: Sequence[str | PathLike[str]], **options: Any
    ) -> list[Any]:
        """Transform clips, and write their notes to ``.tsv`` files.

        Parameters
        ----------
        X : list of path or ndarray
            Clips, see :meth:`fit`.
        paths : list of str or PathLike
            A file for each clip; existing ones are replaced.
        **options : dict
            Of the last step's ``to_tsv``.

        Returns
        -------
        notes : list of ndarray of shape (n_notes_i,)
            What was written.
        """
        return self._hand_to_last("to_tsv", X, paths, **options)

    @available_if(_last_has("to_jams"))
    def to_jams(
        self, X: Any, paths: Sequence[str | PathLike[str]], **options: Any
    ) -> Any:
        """Transform clips, and write annotations to ``.jams`` files.

        Parameters
        ----------
        X : list of path or ndarray
            Clips, see :meth:`fit`.
        paths : list of str or PathLike
            A file for each clip; existing ones are replaced.
        **options : dict
            Of the last step's ``to_jams``.

        Returns
        -------
        annotations : list or ndarray of shape (n_clips,)
            What was written, such as the intervals and labels of
            :meth:`predict_intervals`.
        """
        return self._hand_to_last("to_jams", X, paths, **options)

    @available_if(lambda self: streams(self.steps[-1][1]))
    def stream(
        self, blocks: Iterable[Any], *, sample_rate: float | None = None
    ) -> Iterator[Any]:
        """Take audio block by block, and yield what the last step makes of it.

        Parameters
        ----------
        blocks : iterable of array-like of shape (n_samples_i,) or (n_channels, \
                n_samples_i)
            The audio, in blocks of any size, as
            :meth:`~skdeepmir.SpectrogramExtractor.stream` takes it.
        sample_rate : float, default=None
            Sample rate of the blocks in Hz, to be compared with that of the extractor.

        Yields
        ------
        found : object
            What the last step's ``stream`` yields, such as onsets; :attr:`delay_` says
            how late.

        Raises
        ------
        ValueError
            If a step needs whole clips. Steps that work frame by frame are
            :class:`~skdeepmir.FrameTransformer`, :class:`~skdeepmir.BandShifter`,
            :class:`~skdeepmir.DBNFeatureLearner` and those that have a method
            ``stream(blocks)``, which takes an iterable of blocks and yields blocks.
            Otherwise what the steps raise.
        """
        check_is_fitted(self)
        check_rates(self)
        options = {} if sample_rate is None else {"sample_rate": sample_rate}
        return streamed(self.steps, blocks, options)

    @property
    def delay_(self) -> float:
        """Seconds from an event to when ``stream`` yields it, without that of a block.

        The extractor waits for half of its longest window, the last step for what its
        own ``delay_`` says.
        """
        if not streams(self.steps[-1][1]):
            raise AttributeError("The last step has no stream, so there is no delay_.")
        check_is_fitted(self)
        return stream_delay(self.steps)

    def _hand_to_last(self, method: str, X: Any, *args: Any, **options: Any) -> Any:
        """Transform clips by all steps but the last, and call a method of that."""
        check_is_fitted(self)
        check_rates(self)
        if has_flat_memory(self):
            X = reduced(self, X)
        elif len(self.steps) > 1:
            X = self[:-1].transform(X)
        return getattr(chosen(self.steps[-1][1]), method)(X, *args, **options)
