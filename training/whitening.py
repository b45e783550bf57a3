"""How good parts spread in the embedding, for the Mahalanobis distance."""

import numpy as np
from sklearn.covariance import LedoitWolf

from edge.variables import FloatArray
from training.errors import TrainingError


def whitening_of(good: FloatArray) -> FloatArray:
    """(N, D) → (D, D) float32, a root of the inverse covariance: |W a|² = aᵀ S⁻¹ a.

    The covariance is shrunk (Ledoit and Wolf, 2004), since there are hardly more parts than directions. Raises
    TrainingError where good parts do not differ.
    """
    spread = LedoitWolf().fit(good.astype(np.float64))
    try:
        return np.asarray(np.linalg.cholesky(spread.precision_).T, dtype=np.float32)
    except np.linalg.LinAlgError as error:
        raise TrainingError("good parts do not differ in the embedding: choose another --distance") from error
