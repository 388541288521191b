"""A small synthesiser: six timbres, random instruments, melodies and recordings.

Waveforms are float64 arrays of shape (n_samples,). Times are in seconds, frequencies
in Hz, pitches in MIDI note numbers, levels in dB. Whatever is random is drawn from
`rng`, an np.random.RandomState.
"""

from typing import NamedTuple

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.signal import fftconvolve, lfilter

TIMBRES = ("blown", "bowed", "drum", "organ", "plucked", "struck")
POLYPHONIC = ("organ", "plucked", "struck")
SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9))
# Footages 16', 5 1/3', 8', 4', 2 2/3', 2', 1 3/5', 1 1/3', 1' as harmonics of 16'.
DRAWBARS = (1, 3, 2, 4, 6, 8, 10, 12, 16)
N_PARTIALS = 24

# The lowest and highest value of each continuous parameter of an instrument. The
# timbres overlap on purpose: how a sound comes about should tell them apart, not one
# number.
RANGES = {
    "blown": {
        "lowest_pitch": (52, 67),
        "brightness": (1.5, 5.0),
        "attack": (0.015, 0.1),
        "decay": (0.05, 0.25),
        "vibrato_rate": (3.5, 6.5),
        "vibrato_depth": (0.02, 0.4),
        "noise": (0.02, 0.2),
    },
    "bowed": {
        "lowest_pitch": (46, 60),
        "brightness": (8.0, 30.0),
        "attack": (0.03, 0.2),
        "decay": (0.08, 0.3),
        "vibrato_rate": (4.0, 7.5),
        "vibrato_depth": (0.05, 0.6),
        "noise": (0.01, 0.1),
    },
    "drum": {
        "lowest_pitch": (30, 46),
        "brightness": (10.0, 60.0),
        "attack": (0.001, 0.006),
        "decay": (0.15, 0.6),
        "noise": (0.1, 1.0),
    },
    "organ": {
        "lowest_pitch": (46, 60),
        "brightness": (8.0, 24.0),
        "attack": (0.005, 0.04),
        "decay": (0.03, 0.15),
        "vibrato_rate": (5.0, 7.5),
        "vibrato_depth": (0.003, 0.1),
        "noise": (0.005, 0.1),
        "detuning": (0.5, 10.0),
    },
    "plucked": {
        "lowest_pitch": (43, 57),
        "brightness": (5.0, 40.0),
        "attack": (0.001, 0.003),
        "decay": (0.4, 4.0),
        "noise": (0.01, 0.2),
        "position": (0.06, 0.5),
    },
    "struck": {
        "lowest_pitch": (46, 60),
        "brightness": (2.0, 6.0),
        "attack": (0.001, 0.008),
        "decay": (0.3, 2.5),
        "noise": (0.02, 0.3),
        "inharmonicity": (1e-4, 5e-2),
        "detuning": (0.5, 8.0),
    },
}

# Typical resonances of the timbres' bodies: centre in Hz, width in octaves, gain in
# dB. Each instrument's lie around these.
RESONANCES = {
    "blown": ((700, 0.6, 6), (1500, 0.5, 3), (4000, 0.7, -6)),
    "bowed": ((290, 0.2, 5), (520, 0.3, 5), (2700, 0.5, 9)),
    "drum": ((80, 0.3, 4), (400, 0.4, -4), (5000, 0.8, 4)),
    "organ": ((200, 0.6, 3), (1000, 0.6, -3), (3000, 0.8, 3)),
    "plucked": ((110, 0.2, 6), (220, 0.3, 5), (1300, 0.5, -4)),
    "struck": ((150, 0.5, 3), (600, 0.8, 4), (5000, 0.8, -6)),
}


class Instrument(NamedTuple):
    """One timbre and one draw of its continuous parameters."""

    timbre: str
    partials: np.ndarray  # (N_PARTIALS,) factors on the partials' amplitudes
    resonances: np.ndarray  # (n_resonances, 3) of the body: Hz, octaves wide, dB
    lowest_pitch: float  # its melodies lie in the octave and a half above
    brightness: float  # partial above which the spectrum falls off
    attack: float
    decay: float  # time to fall by 60 dB: from the attack or, if held, from the end
    noise: float  # of hammer, plectrum, key, bow or breath, relative to the tone
    vibrato_rate: float = 0.0
    vibrato_depth: float = 0.0  # semitones
    inharmonicity: float = 0.0  # B in f_k = k f sqrt(1 + B k^2), as of a stiff string
    position: float = 0.0  # of the plectrum, as a fraction of the string
    detuning: float = 0.0  # cents between two strings or pipes that sound together


class Song(NamedTuple):
    """What the melodies of one song share."""

    tonic: int
    scale: tuple
    beat: float


class Note(NamedTuple):
    """One note of a melody; the velocity lies between 0 and 1."""

    onset: float
    duration: float
    frequency: float
    velocity: float


# ------------------------------------------------------------------- random draws


def draw_instrument(timbre, rng):
    """Draw one instrument of a timbre."""
    values = {
        # Ears and filters work on ratios, so the draw is log-uniform.
        name: np.exp(rng.uniform(np.log(low), np.log(high)))
        for name, (low, high) in RANGES[timbre].items()
    }
    # A pipe or string has the partials it has; an organ's drawbars are set at will.
    spread = 6 if timbre == "organ" else 2.5
    partials = 10 ** (rng.normal(0, spread, N_PARTIALS) / 20)
    if timbre == "blown":
        # From closed pipes (odd harmonics only) to open ones.
        partials[1::2] *= rng.uniform(0.05, 1)
    resonances = np.array(RESONANCES[timbre], dtype=float)
    resonances[:, 0] *= 2 ** rng.normal(0, 0.3, len(resonances))
    resonances[:, 2] += rng.normal(0, 2.5, len(resonances))
    return Instrument(timbre, partials, resonances, **values)


def draw_song(rng):
    """Draw a key and a tempo."""
    scale = SCALES[rng.randint(len(SCALES))]
    return Song(tonic=rng.randint(12), scale=scale, beat=rng.uniform(0.2, 0.4))


def draw_melody(instrument, song, duration, rng):
    """Walk at random over the song's scale, with rhythm, rests and some chords."""
    lowest = round(instrument.lowest_pitch)
    pitches = [
        p for p in range(lowest, lowest + 18) if (p - song.tonic) % 12 in song.scale
    ]
    place = rng.randint(len(pitches))
    onset = rng.uniform(0, 0.05)
    notes = []
    while onset < duration:
        length = song.beat * rng.choice([0.5, 1, 1, 2])
        place = np.clip(place + rng.randint(-3, 4), 0, len(pitches) - 1)
        # The first note always sounds, so that no clip is silent.
        if not notes or rng.uniform() > 0.15:
            chord = _chord(pitches, place, instrument.timbre, rng)
            held, velocity = length * rng.uniform(0.6, 1), rng.uniform(0.4, 1)
            notes += [Note(onset, held, midi_to_hz(p), velocity) for p in chord]
        onset += length
    return notes


def _chord(pitches, place, timbre, rng):
    """One pitch or, on polyphonic instruments, sometimes two or three in thirds."""
    n_notes = 1
    if timbre in POLYPHONIC and rng.uniform() < 0.35:
        n_notes = rng.randint(2, 4)
    return pitches[place : place + 2 * n_notes : 2]


# ------------------------------------------------------------------------- timbres


def _plucked(instrument, note, sample_rate, rng):
    """Karplus and Strong's string, plucked where the instrument is plucked."""
    # A finger damps the string when the note ends.
    n_samples = int((note.duration + 0.1) * sample_rate)
    smoothing = 0.5 * np.exp(-instrument.brightness / 12)
    period = sample_rate / note.frequency
    n_delay = int(period - smoothing)
    fraction = period - smoothing - n_delay
    loop = np.convolve([1 - smoothing, smoothing], [1 - fraction, fraction])
    loop *= 10 ** (-3 / (note.frequency * instrument.decay))
    burst = _lowpass(
        rng.normal(size=n_delay),
        instrument.brightness * note.frequency * note.velocity,
        sample_rate,
    )
    # A string plucked at 1/n of its length lacks every n-th partial.
    burst -= np.roll(burst, max(1, int(n_delay * instrument.position)))
    string = _string_loop(burst, loop, n_samples)
    string /= np.abs(string).max()
    click = _noise_burst(n_samples, 0.005, instrument.noise, 5000, sample_rate, rng)
    return (string + click) * _held(instrument, note, n_samples, sample_rate, 0.1)


def _string_loop(burst, loop, n_samples):
    """Feed a burst round a delay of its own length and a filter of three taps."""
    n_delay = len(burst)
    out = np.zeros(n_samples + n_delay + 2)
    out[2 : n_delay + 2] = burst
    # One round needs only the round before, so whole rounds are computed at once.
    for start in range(n_delay + 2, n_samples + 2, n_delay):
        last = out[start - n_delay - 2 : start]
        out[start : start + n_delay] = np.convolve(last, loop, "valid")
    return out[2 : n_samples + 2]


def _bowed(instrument, note, sample_rate, rng):
    """Sawtooth of limited band that brightens with the bow's pressure; bow noise."""
    n_samples = int((note.duration + instrument.decay) * sample_rate)
    envelope = _held(instrument, note, n_samples, sample_rate, instrument.decay)
    amplitudes = _harmonic_amplitudes(instrument, note, sample_rate)
    amplitudes[1:] /= np.arange(1, len(amplitudes))
    phase = _phase(instrument, note, n_samples, sample_rate, rng)
    tone = _harmonics(phase, amplitudes, 0.75 + 0.25 * envelope)
    bow = _lowpass(rng.normal(size=n_samples), 3000, sample_rate)
    return (tone + instrument.noise * bow) * envelope


def _blown(instrument, note, sample_rate, rng):
    """Few harmonics, vibrato in pitch and loudness, breath noise near the tone."""
    n_samples = int((note.duration + instrument.decay) * sample_rate)
    envelope = _held(instrument, note, n_samples, sample_rate, instrument.decay)
    amplitudes = _harmonic_amplitudes(instrument, note, sample_rate)
    amplitudes[1:] /= np.arange(1, len(amplitudes))
    phase = _phase(instrument, note, n_samples, sample_rate, rng)
    tone = _harmonics(phase, amplitudes, 0.6 + 0.4 * envelope)
    breath = _lowpass(rng.normal(size=n_samples), 4 * note.frequency, sample_rate)
    time = np.arange(n_samples) / sample_rate
    swell = np.sin(2 * np.pi * instrument.vibrato_rate * time)
    loudness = 1 + instrument.vibrato_depth * swell
    return (tone + 2 * instrument.noise * breath) * envelope * loudness


def _organ(instrument, note, sample_rate, rng):
    """Two slightly detuned sets of drawbars, steady while held; a key click."""
    n_samples = int((note.duration + instrument.decay) * sample_rate)
    envelope = _held(instrument, note, n_samples, sample_rate, instrument.decay)
    sixteen_foot = note._replace(frequency=note.frequency / 2)
    gains = _harmonic_amplitudes(instrument, sixteen_foot, sample_rate)
    drawn = [k for k in DRAWBARS if k < len(gains)]
    amplitudes = np.zeros_like(gains)
    amplitudes[drawn] = gains[drawn] * np.linspace(1, 0.4, len(drawn))
    phase = _phase(instrument, sixteen_foot, n_samples, sample_rate, rng)
    other = phase * 2 ** (instrument.detuning / 1200)
    tone = _harmonics(phase, amplitudes) + 0.5 * _harmonics(other, amplitudes)
    click = _noise_burst(n_samples, 0.01, instrument.noise, 4000, sample_rate, rng)
    return tone * envelope + click


def _struck(instrument, note, sample_rate, rng):
    """Stretched partials, the higher the faster to decay; a hammer's noise."""
    n_samples = int((note.duration + 0.15) * sample_rate)
    k = np.arange(1, N_PARTIALS + 1)
    stretch = np.sqrt(1 + instrument.inharmonicity * k**2)
    # Relative to the first, so that the note keeps its pitch.
    frequencies = note.frequency * k * stretch / stretch[0]
    audible = frequencies < 0.45 * sample_rate
    hardness = instrument.brightness * (0.5 + note.velocity)
    amplitudes = instrument.partials * np.exp(-k / hardness)
    decays = instrument.decay / (1 + 0.3 * (k - 1))
    tone = np.zeros(n_samples)
    for i in np.flatnonzero(audible):
        beat = 2 ** (instrument.detuning * rng.uniform(-1, 1) / 1200)
        start = amplitudes[i] * np.exp(1j * rng.uniform(0, 2 * np.pi))
        for f, a in ((frequencies[i], start), (frequencies[i] * beat, 0.5 * start)):
            tone += _decaying_sine(f, a, decays[i], n_samples, sample_rate)
    tone /= np.abs(tone).max()
    knock = _noise_burst(n_samples, 0.02, instrument.noise, 1500, sample_rate, rng)
    return (tone + knock) * _held(instrument, note, n_samples, sample_rate, 0.15)


def _decaying_sine(frequency, start, decay, n_samples, sample_rate):
    """Sine from a complex start that falls by 60 dB within `decay`."""
    pole = np.exp((2j * np.pi * frequency - 3 * np.log(10) / decay) / sample_rate)
    # pole**n for n = i * block + j is an outer product: few powers, many products.
    block = int(np.sqrt(n_samples)) + 1
    coarse, fine = (pole**block) ** np.arange(block), pole ** np.arange(block)
    return np.multiply.outer(start * coarse, fine).imag.ravel()[:n_samples]


def _drum(instrument, note, sample_rate, rng):
    """Kick, snare or hat; the note gives only its time and velocity."""
    n_samples = int(2 * instrument.decay * sample_rate)
    time = np.arange(n_samples) / sample_rate
    decay = 10 ** (-3 * time / instrument.decay)
    hiss = rng.normal(size=n_samples)
    pitch = midi_to_hz(instrument.lowest_pitch)
    piece = rng.choice(["kick", "snare", "hat"])
    if piece == "kick":
        # The pitch of a slack skin falls as it comes to rest.
        sweep = pitch * (1 + 3 * np.exp(-time / 0.03))
        thump = np.sin(2 * np.pi * np.cumsum(sweep) / sample_rate) * decay
        sound = thump + instrument.noise * hiss * decay**8
    elif piece == "snare":
        skin = np.sin(2 * np.pi * 3 * pitch * time) * decay**2
        wires = _lowpass(hiss, instrument.brightness * 150, sample_rate) * decay
        sound = skin + instrument.noise * wires
    else:
        sound = _highpass(hiss, instrument.brightness * 150, sample_rate) * decay**3
    rise = np.minimum(1, time / instrument.attack)
    return sound / np.abs(sound).max() * rise


_TIMBRE_FUNCTIONS = {
    "blown": _blown,
    "bowed": _bowed,
    "drum": _drum,
    "organ": _organ,
    "plucked": _plucked,
    "struck": _struck,
}


# ------------------------------------------------------------- parts of the timbres


def midi_to_hz(pitch):
    """Frequency of a MIDI note number: 69 is 440 Hz."""
    return 440.0 * 2 ** ((pitch - 69) / 12)


def _phase(instrument, note, n_samples, sample_rate, rng):
    """Phase in radians of a note with vibrato, which sets in over 0.3 s."""
    time = np.arange(n_samples) / sample_rate
    angle = 2 * np.pi * instrument.vibrato_rate * time + rng.uniform(0, 2 * np.pi)
    semitones = instrument.vibrato_depth * np.minimum(1, time / 0.3) * np.sin(angle)
    return 2 * np.pi * np.cumsum(note.frequency * 2 ** (semitones / 12)) / sample_rate


def _harmonic_amplitudes(instrument, note, sample_rate):
    """Amplitudes of harmonics 0 (silent) to the last one that does not alias."""
    n_harmonics = min(N_PARTIALS, int(0.45 * sample_rate / note.frequency))
    k = np.arange(1, n_harmonics + 1)
    brightness = instrument.brightness * (0.5 + note.velocity)
    return np.r_[0, instrument.partials[: len(k)] / (1 + (k / brightness) ** 2)]


def _harmonics(phase, amplitudes, rolloff=1.0):
    """Sum of amplitudes[k] * rolloff**k * sin(k * phase), at a peak of about 1."""
    # The sum is a polynomial in exp(i phase): Horner's rule needs no sine per k.
    tone = np.polyval(amplitudes[::-1], rolloff * np.exp(1j * phase)).imag
    return tone / np.abs(tone).max()


def _held(instrument, note, n_samples, sample_rate, release):
    """Rise within the attack, stay at 1, fall by 60 dB within `release` at the end."""
    time = np.arange(n_samples) / sample_rate
    rise = 1 - np.exp(-3 * (time + 1 / sample_rate) / instrument.attack)
    return rise * 10 ** (-3 * np.maximum(0, time - note.duration) / release)


def _noise_burst(n_samples, decay, level, cutoff, sample_rate, rng):
    """Short noise of a key, hammer or plectrum."""
    time = np.arange(n_samples) / sample_rate
    noise = _lowpass(rng.normal(size=n_samples), cutoff, sample_rate)
    return level * noise * np.exp(-time / decay)


def _lowpass(noise, cutoff, sample_rate):
    """White noise through a filter of one pole, kept at its standard deviation of 1."""
    pole = np.exp(-2 * np.pi * min(cutoff / sample_rate, 0.5))
    return lfilter([np.sqrt(1 - pole**2)], [1, -pole], noise)


def _highpass(noise, cutoff, sample_rate):
    """White noise through a filter of one pole and a zero at 0 Hz."""
    pole = np.exp(-2 * np.pi * min(cutoff / sample_rate, 0.5))
    return lfilter([1, -1], [1, -pole], noise)


# -------------------------------------------------------- performance and recording


def play_note(instrument, note, sample_rate, rng):
    """Waveform of one note, from its onset until it has died away."""
    waveform = _TIMBRE_FUNCTIONS[instrument.timbre](instrument, note, sample_rate, rng)
    return waveform * note.velocity


def play(instrument, notes, duration, sample_rate, rng):
    """Play notes for `duration` seconds, at a root mean square of 1."""
    out = np.zeros(round(duration * sample_rate))
    for note in notes:
        start = int(note.onset * sample_rate)
        sound = play_note(instrument, note, sample_rate, rng)[: len(out) - start]
        out[start : start + len(sound)] += sound
    out = _equalise(out, lambda f: _body(f, instrument.resonances), sample_rate)
    return out / _rms(out)


def _body(frequencies, resonances):
    """Gain in dB of a body: bell-shaped resonances over octaves."""
    octaves = np.log2(np.maximum(frequencies, 20.0))
    gain = np.zeros(len(frequencies))
    for centre, width, peak in resonances:
        gain += peak * np.exp(-0.5 * ((octaves - np.log2(centre)) / width) ** 2)
    return gain


def record(waveform, sample_rate, snr, rng):
    """Put a waveform in a random room, with noise and a random microphone and gain."""
    out = _reverberate(waveform, sample_rate, rng)
    out += 10 ** (-snr / 20) * _rms(out) * _coloured_noise(len(out), sample_rate, rng)
    tilt = rng.uniform(-0.7, 0.7)
    bumps = np.column_stack(
        [rng.uniform(100, 6000, 2), rng.uniform(0.5, 1.5, 2), rng.uniform(-2, 2, 2)]
    )
    out = _equalise(out, lambda f: _tilt(f, tilt) + _body(f, bumps), sample_rate)
    peak = 10 ** (rng.uniform(-12, -0.5) / 20)
    return out * (peak / np.abs(out).max())


def _reverberate(waveform, sample_rate, rng):
    """Add the echo of a room: noise that falls by 60 dB in 0.15 to 0.9 s."""
    reverberation_time, wet = rng.uniform(0.15, 0.9), rng.uniform(0.05, 0.3)
    time = np.arange(int(reverberation_time * sample_rate)) / sample_rate
    echo = rng.normal(size=len(time)) * 10 ** (-3 * time / reverberation_time)
    echo *= wet / np.sqrt(np.sum(echo**2))
    return waveform + fftconvolve(waveform, echo)[: len(waveform)]


def _coloured_noise(n_samples, sample_rate, rng):
    """Background noise between white (0) and brown (-6 dB per octave)."""
    slope = rng.uniform(-6, -2)
    noise = rng.normal(size=n_samples)
    noise = _equalise(noise, lambda f: _tilt(f, slope), sample_rate)
    return noise / _rms(noise)


def _tilt(frequencies, slope):
    """Gain in dB of a straight slope in dB per octave, 0 at 1 kHz, flat below 50 Hz."""
    return slope * np.log2(np.maximum(frequencies, 50.0) / 1000)


def _equalise(waveform, gain, sample_rate):
    """Filter a waveform by gain(frequencies) in dB, with no change of phase."""
    # Padded, or what the filter smears past the end would come back at the start.
    n_fft = next_fast_len(len(waveform) + sample_rate // 10, real=True)
    curve = 10 ** (gain(rfftfreq(n_fft, 1 / sample_rate)) / 20)
    return irfft(rfft(waveform, n_fft) * curve, n_fft)[: len(waveform)]


def _rms(waveform):
    return np.sqrt(np.mean(waveform**2))
