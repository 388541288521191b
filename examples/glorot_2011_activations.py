"""
Rectifiers, sparsity and pre-training
=====================================

Until 2010 deep nets had sigmoid units and learned badly unless each layer was pre-trained.
Glorot, Bordes and Bengio (2011) replaced the sigmoid by max(0, x), and the need for
pre-training largely went away. Here are their three activations on scikit-learn's digits,
with and without pre-training as denoising auto-encoders, and a look at what the units do.
"""

# %%
# Three hidden layers, 400 digits to learn from.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdeepmir import DropoutMLPClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, train_size=400, stratify=y, random_state=0
)
nets = {}
for activation in ("relu", "tanh", "softplus", "logistic"):
    for pretraining in (None, "denoising_autoencoder"):
        net = DropoutMLPClassifier(
            (100, 100, 100),
            activation=activation,
            dropout=0,
            input_dropout=0,
            standardize=False,
            pretraining=pretraining,
            pretraining_epochs=20,
            learning_rate=1e-3,
            max_epochs=40,
            random_state=0,
            verbose=False,
        )
        nets[activation, pretraining] = net.fit(X_train, y_train)
errors = {key: 100 * (1 - net.score(X_test, y_test)) for key, net in nets.items()}
print(pd.Series(errors).unstack().round(1))
print({k:v.loss_curve_[[0,9,-1]].round(3) for k,v in nets.items()})
print(nets["relu",None].module_)
