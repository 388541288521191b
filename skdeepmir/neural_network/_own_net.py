"""Estimators by a module of the user's: what ``NetTagger`` and its kin share."""

from __future__ import annotations

import pickle
from typing import Annotated, Any, Self

import torch

from skdeepmir._parameters import parameter, parameters
from skdeepmir._sources import sources_of
from skdeepmir._training._estimator import NetEstimator
from skdeepmir._training._modules import (
    ClipCaller,
    check_keywords,
    keywords_of,
    make_module,
    name_of,
)

PREFIX = "module__"


@parameters
class OwnNetEstimator(NetEstimator):
    """An estimator by a module that the user gives: how it is made and called."""

    module: Annotated[Any, callable] = parameter(
        """
        What is trained: a class of ``torch.nn.Module``, or a function that returns a
        new one each time. It is called with ``(n_features, n_outputs)`` and
        ``module_params``; see the notes for what it must do.
        """,
        kw_only=False,
        kind="class or callable",
    )
    module_params: dict[str, Any] | None = parameter(
        """
        What ``module`` is called with beside the sizes. Each is also a parameter of the
        estimator, such as ``set_params(module__depth=3)`` or ``module__depth`` in a
        grid. Each net gets copies, so that pretrained layers among them stay as they
        are.
        """,
        default=None,
    )

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters.

        Parameters
        ----------
        deep : bool, default=True
            Whether to return those of ``module`` as well, as ``module__depth``.

        Returns
        -------
        parameters : dict of str to object
            Values by name.
        """
        found = super().get_params(deep=deep)
        if deep:
            keywords, _ = keywords_of(self.module)
            defaults = {
                name: keyword.default
                for name, keyword in keywords.items()
                if keyword.default is not keyword.empty
            }
            given = self.module_params  # of any kind: they are checked by fit
            own = {**defaults, **(given if isinstance(given, dict) else {})}
            found.update({PREFIX + str(name): value for name, value in own.items()})
        return found

    def set_params(self, **params: Any) -> Self:
        """Set parameters, also those of ``module``.

        Parameters
        ----------
        **params : dict of str to object
            Values by name, such as ``module__depth=3``. They replace the same names in
            ``module_params`` and leave others.

        Returns
        -------
        self : estimator
            The estimator.

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        inner = {n: v for n, v in params.items() if n.startswith(PREFIX)}
        outer = {n: v for n, v in params.items() if n not in inner}
        inner = {name.removeprefix(PREFIX): value for name, value in inner.items()}
        check_keywords(outer.get("module", self.module), inner, PREFIX)
        super().set_params(**outer)
        if inner:
            self.module_params = {**(self.module_params or {}), **inner}
        return self

    def _make_net(self, given, feed, n_outputs, generator, is_new):
        seed = self._mask_seed if generator is None else generator.initial_seed()
        # Seeds are below: training draws others than what the module is made of.
        generator = torch.Generator().manual_seed(2**31 + seed)
        sizes = self.n_features_in_, n_outputs
        return make_module(
            given.module,
            given.module_params or {},
            sizes,
            generator,
            lambda net: self._probe(net, feed, n_outputs, generator),
            is_new=is_new,
        )

    def _caller(self, net, n_outputs, generator):
        return ClipCaller(net, n_outputs, generator)

    def _probe(self, net, feed, n_outputs, generator):
        """Call a net as training will."""
        frames = torch.zeros(2, feed.length, self.n_features_in_)
        self._caller(net, n_outputs, generator)(frames)

    def _open_checkpoint(self, coding, feed, earlier, *data):
        sources = sources_of(self.module)
        try:
            return super()._open_checkpoint(coding, feed, earlier, *data, sources)
        except pickle.PicklingError as error:
            raise ValueError(
                f"checkpoint_dir needs names by which module={name_of(self.module)} "
                "and what is in module_params are found again. Define them at the top "
                "level of a file, or use checkpoint_dir=None."
            ) from error
