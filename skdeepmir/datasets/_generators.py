"""Synthetic music with known answers, for tests, examples and first experiments."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch, check_random_state

from skdeepmir.datasets._synthesis import (
    TIMBRES,
    draw_instrument,
    draw_melody,
    draw_song,
    play,
    record,
)

_MAX_SEED = 2**31 - 1
_CLIPS_PER_SONG = 2
_TAG_SNR = (10, 30)


def make_instrument_clips(
    *,
    n_clips: int = 120,
    n_instruments: int = 24,
    duration: float | tuple[float, float] = (1.5, 2.5),
    sample_rate: int = 22050,
    snr: float | tuple[float, float] = (20, 40),
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Make short recordings of one instrument each, to be told apart by timbre.

    Each clip is a random melody played by one of `n_instruments` synthetic
    instruments, in a random room, with background noise, through a random
    microphone. An instrument is one of six timbres with its own brightness, attack,
    decay, vibrato, body resonances and more. Leave whole instruments out when you
    validate (pass `groups` to a group splitter), or the score measures how well
    instruments, not timbres, are recognised.

    Parameters
    ----------
    n_clips : int, default=120
        Number of clips. Timbres differ by at most one clip. The default gives five
        clips per instrument and takes a few seconds.

    n_instruments : int, default=24
        Number of instruments to choose from, at least one per timbre. They are
        spread evenly over the timbres. The default of four per timbre lets each of
        four or five folds leave one out.

    duration : float or tuple of (float, float), default=(1.5, 2.5)
        Length of the clips in seconds, drawn uniformly between the two values. A
        float makes all clips equally long. The default holds about six notes.

    sample_rate : int, default=22050
        Samples per second, at least 8000. The default is the field's usual rate.

    snr : float or tuple of (float, float), default=(20, 40)
        Signal-to-noise ratio of the recordings in dB, drawn uniformly between the
        two values. Lower is harder. By default a support vector machine on the mean
        and deviation of 20 MFCCs recognises about 0.75 of the clips of instruments
        that it has not heard.

    random_state : int, RandomState instance or None, default=None
        Determines instruments, melodies and recordings. Pass an int for the same
        clips in each call: bit for bit on one machine with the same versions of
        libraries.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with these attributes.

        data : list of ndarray of shape (n_samples_i,)
            Waveforms, float32, with a peak below 1.
        target : ndarray of shape (n_clips,)
            Timbre of each clip, as an index into `target_names`.
        target_names : ndarray of shape (6,)
            Names of the timbres: blown, bowed, drum, organ, plucked, struck.
        groups : ndarray of shape (n_clips,)
            Instrument of each clip, from 0 to `n_instruments` - 1.
        sample_rate : int
            Samples per second.
        DESCR : str
            Description of the data set.

    See Also
    --------
    make_tag_clips : Mixtures of one to three timbres.

    Examples
    --------
    >>> from skdeepmir.datasets import make_instrument_clips
    >>> clips = make_instrument_clips(n_clips=6, n_instruments=6, random_state=0)
    >>> len(clips.data), clips.data[0].ndim
    (6, 1)
    >>> sorted(clips.target_names[clips.target].tolist())
    ['blown', 'bowed', 'drum', 'organ', 'plucked', 'struck']
    """
    _check_integer("n_clips", n_clips, 1)
    _check_integer("n_instruments", n_instruments, len(TIMBRES))
    _check_integer("sample_rate", sample_rate, 8000)
    duration = _check_range("duration", duration, 0.1)
    snr = _check_range("snr", snr, -np.inf)
    rng = check_random_state(random_state)

    # A seed per instrument and per clip: none depends on how much others draw.
    instruments = [
        draw_instrument(TIMBRES[i % len(TIMBRES)], np.random.RandomState(seed))
        for i, seed in enumerate(rng.randint(_MAX_SEED, size=n_instruments))
    ]
    groups = rng.permutation(_deal_instruments(n_clips, n_instruments))
    data = [
        _instrument_clip(instruments[group], duration, sample_rate, snr, seed)
        for group, seed in zip(
            groups, rng.randint(_MAX_SEED, size=n_clips), strict=True
        )
    ]
    return Bunch(
        data=data,
        target=groups % len(TIMBRES),
        target_names=np.array(TIMBRES),
        groups=groups,
        sample_rate=int(sample_rate),
        DESCR=(
            f"{n_clips} synthetic recordings of {n_instruments} instruments of "
            f"{len(TIMBRES)} timbres. target: the timbre; groups: the instrument."
        ),
    )


def make_tag_clips(
    *,
    n_clips: int = 100,
    duration: float | tuple[float, float] = (2.0, 4.0),
    sample_rate: int = 22050,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Make short recordings of one to three instruments, tagged with their timbres.

    Each song has a key, a tempo and one to three instruments of different timbres,
    each up to 12 dB softer than the first. Two clips are made of each song, which
    play different melodies in different rooms. Leave whole songs out when you
    validate (pass `groups` to a group splitter): the clips of a song share their
    tags.

    Parameters
    ----------
    n_clips : int, default=100
        Number of clips, two per song. The default takes a few seconds.

    duration : float or tuple of (float, float), default=(2.0, 4.0)
        Length of the clips in seconds, drawn uniformly between the two values. A
        float makes all clips equally long. The default lets each instrument play
        several notes.

    sample_rate : int, default=22050
        Samples per second, at least 8000. The default is the field's usual rate.

    random_state : int, RandomState instance or None, default=None
        Determines songs, instruments, melodies and recordings. Pass an int for the
        same clips in each call: bit for bit on one machine with the same versions of
        libraries.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with these attributes.

        data : list of ndarray of shape (n_samples_i,)
            Waveforms, float32, with a peak below 1.
        target : ndarray of shape (n_clips, 6)
            1 where a timbre plays in the clip, else 0; one to three per row.
        target_names : ndarray of shape (6,)
            Names of the timbres: blown, bowed, drum, organ, plucked, struck.
        groups : ndarray of shape (n_clips,)
            Song of each clip.
        sample_rate : int
            Samples per second.
        DESCR : str
            Description of the data set.

    See Also
    --------
    make_instrument_clips : One timbre per clip.

    Examples
    --------
    >>> from skdeepmir.datasets import make_tag_clips
    >>> clips = make_tag_clips(n_clips=12, duration=0.5, random_state=0)
    >>> clips.target.shape
    (12, 6)
    >>> clips.target.any(axis=0)
    array([ True,  True,  True,  True,  True,  True])
    """
    _check_integer("n_clips", n_clips, 1)
    _check_integer("sample_rate", sample_rate, 8000)
    duration = _check_range("duration", duration, 0.1)
    rng = check_random_state(random_state)

    n_songs = -(-n_clips // _CLIPS_PER_SONG)
    song_targets = _deal_tags(n_songs, rng)
    song_seeds = rng.randint(_MAX_SEED, size=n_songs)
    groups = rng.permutation(np.arange(n_clips) // _CLIPS_PER_SONG)
    data = [
        _song_clip(song_targets[song], song_seeds[song], duration, sample_rate, seed)
        for song, seed in zip(groups, rng.randint(_MAX_SEED, size=n_clips), strict=True)
    ]
    return Bunch(
        data=data,
        target=song_targets[groups],
        target_names=np.array(TIMBRES),
        groups=groups,
        sample_rate=int(sample_rate),
        DESCR=(
            f"{n_clips} synthetic recordings of {n_songs} songs, each played by one to "
            f"three of {len(TIMBRES)} timbres. target: the timbres; groups: the song."
        ),
    )


def _deal_instruments(n_clips, n_instruments):
    """Deal clips to timbres in turn, and within a timbre to its instruments."""
    turn, timbre = np.divmod(np.arange(n_clips), len(TIMBRES))
    # Instrument i has timbre i % 6: this many instruments have each timbre.
    n_of_timbre = -(-(n_instruments - np.arange(len(TIMBRES))) // len(TIMBRES))
    return timbre + len(TIMBRES) * (turn % n_of_timbre[timbre])


def _deal_tags(n_songs, rng):
    """Give each song one to three tags, always those dealt least often so far."""
    target = np.zeros((n_songs, len(TIMBRES)), dtype=int)
    counts = np.zeros(len(TIMBRES), dtype=int)
    for tags in target:
        least_used = np.lexsort((rng.uniform(size=len(counts)), counts))
        tags[least_used[: rng.randint(1, 4)]] = 1
        counts += tags
    return target


def _instrument_clip(instrument, duration, sample_rate, snr, seed):
    """Return one clip of one instrument, from a seed."""
    rng = np.random.RandomState(seed)
    seconds = rng.uniform(*duration)
    notes = draw_melody(instrument, draw_song(rng), seconds, rng)
    waveform = play(instrument, notes, seconds, sample_rate, rng)
    return record(waveform, sample_rate, rng.uniform(*snr), rng).astype(np.float32)


def _song_clip(tags, song_seed, duration, sample_rate, seed):
    """Return a clip of a song, whose seed fixes all but melodies and recording."""
    song_rng = np.random.RandomState(song_seed)
    rng = np.random.RandomState(seed)
    song = draw_song(song_rng)
    seconds = rng.uniform(*duration)
    mixture, level = 0, 0
    for tag in song_rng.permutation(np.flatnonzero(tags)):
        instrument = draw_instrument(TIMBRES[tag], song_rng)
        notes = draw_melody(instrument, song, seconds, rng)
        part = play(instrument, notes, seconds, sample_rate, rng)
        mixture = mixture + 10 ** (level / 20) * part
        level = song_rng.uniform(-12, 0)
    snr = rng.uniform(*_TAG_SNR)
    return record(mixture, sample_rate, snr, rng).astype(np.float32)


def _check_integer(name, value, lowest):
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(
            f"{name}={value!r} is of type {type(value).__name__}; expected an int of "
            f"at least {lowest}."
        )
    if value < lowest:
        raise ValueError(f"{name}={value!r} is too small; expected at least {lowest}.")


def _check_range(name, value, lowest):
    """Turn a number or (low, high) into a pair of floats."""
    pair = (value, value) if isinstance(value, Real) else value
    if (
        not isinstance(pair, (tuple, list))
        or len(pair) != 2
        or not all(isinstance(v, Real) and not isinstance(v, bool) for v in pair)
    ):
        raise TypeError(
            f"{name}={value!r} is not a range; expected a number or a pair of numbers "
            "(low, high)."
        )
    low, high = pair
    if not (lowest <= low <= high and np.isfinite([low, high]).all()):
        bound = "" if lowest == -np.inf else f" of at least {lowest}"
        raise ValueError(
            f"{name}={value!r} is out of range; expected finite numbers{bound}, the "
            "lower one first."
        )
    return float(low), float(high)
