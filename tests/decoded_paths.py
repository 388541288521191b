"""All paths through a problem of decoding, their scores, and its step for a beam."""

import itertools

import numpy as np


def all_paths(n_frames, n_states):
    return np.array(list(itertools.product(range(n_states), repeat=n_frames)))


def total_scores(paths, log_prob, log_transition, log_initial):
    scores = log_prob[np.arange(len(log_prob)), paths].sum(axis=1, dtype=np.float64)
    scores += log_transition[paths[:, :-1], paths[:, 1:]].sum(axis=1, dtype=np.float64)
    return scores + log_initial[paths[:, 0]]


def markov_step(log_prob, log_transition, log_initial):
    def step(t, previous, state):
        before = log_transition[previous] if t else log_initial[np.newaxis]
        return before + log_prob[t], None

    return step
