"""The one place that trains a net: a lean loop composed from skorch.

Estimators hand :func:`~skdeepmir._training._loop.train` a module, a loss and rows; they
share one vocabulary of parameters, which is read from the estimator.
"""
