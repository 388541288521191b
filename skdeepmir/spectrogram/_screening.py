"""Find bad clips, and remove them, before anything is learned from the others."""

from __future__ import annotations

from numbers import Real
from typing import Any

from scipy.sparse import issparse

from skdeepmir import audio
from skdeepmir._errors import check_choice
from skdeepmir._progress import progress
from skdeepmir._sklearn import _safe_indexing, check_consistent_length
from skdeepmir._warnings import warn_user
from skdeepmir.audio import AudioError, AudioWarning
from skdeepmir.frames import what_is_no_set


def drop_bad_audio(
    X: Any,
    *arrays: Any,
    truncated: str = "raise",
    max_duration: float | None = 7200.0,
    n_jobs: int | None = None,
    verbose: bool = True,
) -> Any:
    """Remove the clips that cannot be used, with their labels, and warn which.

    Every file is decoded once, because headers do not show all damage; nothing is kept.

    Parameters
    ----------
    X : list of path, list of ndarray, or array-like of shape (n_clips, n_samples)
        Clips, as for :class:`~skdeepmir.SpectrogramExtractor`; also a Series, or a
        data frame of pandas or polars with one column.
    *arrays : sequence of length n_clips
        Arrays with a value per clip: y, groups, sample_weight. None stays None; sparse
        tags are returned in CSR format.
    truncated : {"raise", "accept"}, default="raise"
        Whether a file whose end is missing or damaged counts as bad. Set it as in the
        extractor, like ``max_duration``.
    max_duration : float, default=7200.0
        Longest accepted file in s; None sets no limit.
    n_jobs : int, default=None
        Number of files decoded in parallel, in threads, through joblib.
    verbose : bool, default=True
        Whether to show a progress bar if it takes longer than two seconds.

    Returns
    -------
    *kept : list
        X and the arrays without the bad rows, in their own containers; X alone if there
        are no others.

    Raises
    ------
    AudioError
        If X is not a set of clips, or no clip can be used.
    ValueError
        If an array is not as long as X, or has no order, like dicts and sets.

    Warns
    -----
    AudioWarning
        If rows were removed. Its ``problems`` has an ``AudioError`` for each, with the
        row in the X that was given.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from skdeepmir import drop_bad_audio
    >>> clips = [np.ones(2000) / 2, np.array([np.nan]), np.zeros(3000)]
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     X, y = drop_bad_audio(clips, ["jazz", "rock", "folk"])
    >>> len(X), y
    (2, ['jazz', 'folk'])
    >>> [(error.row, error.code) for error in caught[0].message.problems]
    [(1, 'not_finite')]
    """
    audio.list_audio(X)  # a clear error before lengths are looked at
    for place, array in enumerate(arrays, start=1):
        found = "" if array is None or issparse(array) else what_is_no_set(array)
        if found:
            raise ValueError(
                f"array {place} after X is {found}; expected one value per clip, in "
                "the same order: a list or an array."
            )
    check_consistent_length(X, *arrays)
    problems = find_bad_audio(
        X,
        truncated=truncated,
        max_duration=max_duration,
        n_jobs=n_jobs,
        verbose=verbose,
    )
    kept = [X, *arrays]
    if problems:
        bad = {error.row for error in problems}
        good = [row for row in range(len(X)) if row not in bad]
        if not good:
            raise problems[0].at_row(0, tuple(range(len(X))))
        warn_user(AudioWarning("removed", problems))
        kept = [_rows(array, good) for array in kept]
    return kept if arrays else kept[0]


def _rows(array: Any, rows: list[int]) -> Any:
    if array is None:
        return None
    if issparse(array):  # not every format can be indexed
        array = array.tocsr()
    kept = _safe_indexing(array, rows)
    return tuple(kept) if isinstance(array, tuple) else kept


def check_audio(
    X: Any,
    *,
    truncated: str = "raise",
    max_duration: float | None = 7200.0,
    n_jobs: int | None = None,
    verbose: bool = True,
) -> Any:
    """List the clips that cannot be used, or are doubtful, and why.

    Parameters
    ----------
    X : list of path, list of ndarray, or array-like of shape (n_clips, n_samples)
        Clips; see :func:`drop_bad_audio`, as for the other parameters.
    truncated, max_duration, n_jobs, verbose : optional
        See :func:`drop_bad_audio`.

    Returns
    -------
    problems : DataFrame
        A row for each bad clip: "row" in X, "path" (quoted and in ASCII, so that it can
        be printed, written and opened anywhere; None for waveforms), "code", "problem"
        and "fix". Two codes mark clips that can be used, which :func:`drop_bad_audio`
        keeps, but that should be checked. "cancelled": the mean of the channels, from
        which features are computed, is over 40 dB softer than the channels in most of
        the sound. "unscaled": samples are 20 dB or more above full scale, such as
        16-bit samples in an array of int64 or float64.

    Raises
    ------
    AudioError
        If X is not a set of clips.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import check_audio
    >>> problems = check_audio([np.ones(2000) / 2, np.array([])])
    >>> problems[["row", "code", "problem"]]
       row   code         problem
    0    1  empty  has no samples
    >>> left = np.sin(np.arange(22050) / 9)
    >>> check_audio([np.stack([left, -left]), left])["code"].tolist()
    ['cancelled']
    """
    import pandas as pd

    problems = find_bad_audio(
        X,
        doubtful=True,
        truncated=truncated,
        max_duration=max_duration,
        n_jobs=n_jobs,
        verbose=verbose,
    )
    rows = [
        (e.row, None if e.path is None else ascii(e.path), e.code, e.found, e.fix)
        for e in problems
    ]
    return pd.DataFrame(rows, columns=["row", "path", "code", "problem", "fix"])


def find_bad_audio(
    X: Any,
    *,
    n_jobs: int | None,
    verbose: bool,
    doubtful: bool = False,
    **limits: Any,
) -> list[AudioError]:
    """Return an error with its row for each bad (and, if asked, doubtful) clip."""
    check_choice("truncated", limits["truncated"], ("raise", "accept"))
    duration = limits["max_duration"]
    is_number = isinstance(duration, Real) and float(duration) > 0
    if duration is not None and not is_number:
        raise ValueError(
            f"max_duration={duration!r} must be a number of seconds above 0, or None."
        )
    from joblib import Parallel, delayed
    from sklearn.utils import check_array

    clips = audio.list_audio(X)
    if clips is None:
        clips = check_array(X, ensure_all_finite=False)
        audio.check_waveform_table(clips)
    results = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(
        delayed(_problems)(clip, row, limits) for row, clip in enumerate(clips)
    )
    watched = progress(
        results,
        total=len(clips),
        label="Checking audio",
        unit="clips",
        verbose=verbose,
    )
    return [error for bad, odd in watched for error in bad + odd * doubtful]


def _problems(
    clip: Any, row: int, limits: dict[str, Any]
) -> tuple[list[AudioError], list[AudioError]]:
    """Return what is bad and what is doubtful about a clip."""
    try:
        if audio.is_path(clip):
            listener = audio.Listener()
            for _ in audio.stream_audio(clip, listener=listener, **limits):
                pass
            doubts = listener.doubts(audio.path_name(clip))
        else:
            doubts = audio.doubts_of_waveform(clip, audio.check_waveform(clip))
    except AudioError as error:
        return [error.at_row(row)], []
    return [], [doubt.at_row(row) for doubt in doubts]
