"""Other ways of judging a part, from a 640x480 colour frame in memory to one number, each as well made as we can.

What they imitate is the cost of judging: preprocessing, network, scoring as published. The weights, means and
covariances are random, so what they say means nothing.
"""

from abc import ABC, abstractmethod
from itertools import pairwise

import cv2
import numpy as np

from edge.bundle import Bundle
from edge.frame import Frame
from edge.inspection import Inspector
from tests.benchmarks.peer_networks import EMBEDDING, efficientad_small, mobilenet_v2, resnet18_layers

MEAN_RGB, DEVIATION_RGB = np.array([123.675, 116.28, 103.53]), np.array([58.395, 57.12, 57.375])  # of ImageNet


class Judge(ABC):
    """Something that gives one number for a frame."""

    name: str

    @abstractmethod
    def judge(self, frame: Frame) -> float:
        """A larger one is worse."""


class Ours(Judge):
    """The inspector of a bundle."""

    name = "kensa"

    def __init__(self, inspector: Inspector) -> None:
        self._inspector = inspector

    def judge(self, frame: Frame) -> float:
        """The whole inspection, with alignment and checks of the frame."""
        return self._inspector.inspect(frame).verdict.distance or 0.0


class Floor(Judge):
    """What nothing that looks at every pixel and uses every weight can be faster than, near enough.

    One pass over the frame to the working size, each pixel averaged into it, and one read of every weight of the
    model (network, references, cell function, centroids as the bundle holds them) by a BLAS product.
    """

    name = "floor: frame to working size, weights read once"

    def __init__(self, bundle: Bundle) -> None:
        grid = bundle.manifest.map.grid
        self._size = (grid.width_px, grid.height_px)
        self._small = np.zeros((grid.height_px, grid.width_px, 3), np.uint8)
        self._weights = np.ones(weight_bytes(bundle) // 4, np.float32)

    def judge(self, frame: Frame) -> float:
        """A number that needs all of it."""
        cv2.resize(frame.pixels, self._size, dst=self._small, interpolation=cv2.INTER_AREA)
        return float(np.dot(self._weights, self._weights))


def weight_bytes(bundle: Bundle) -> int:
    """Of everything that a part is judged against."""
    parts = (bundle.references, bundle.cells, bundle.centroids)
    arrays = [array for part in parts for name in part.__slots__ if (array := getattr(part, name)) is not None]
    return len(bundle.network) + sum(array.nbytes for array in arrays)


class Picture:
    """A frame as networks want it: (1, 3, side, side) float32, red first, by ImageNet's mean and deviation."""

    def __init__(self, side_px: int) -> None:
        self._size = (side_px, side_px)
        self.values = np.zeros((1, 3, side_px, side_px), np.float32)
        self._small = np.zeros((side_px, side_px, 3), np.uint8)
        self._factor = (1 / DEVIATION_RGB).astype(np.float32)
        self._offset = (-MEAN_RGB / DEVIATION_RGB).astype(np.float32)

    def take(self, frame: Frame) -> np.ndarray:
        """Fill the values and return them."""
        cv2.resize(frame.pixels, self._size, dst=self._small, interpolation=cv2.INTER_AREA)
        for plane, (factor, offset) in enumerate(zip(self._factor, self._offset, strict=True)):
            out = self.values[0, plane]
            np.multiply(self._small[:, :, 2 - plane], factor, out=out)
            np.add(out, offset, out=out)
        return self.values


class PaDiM(Judge):
    """PaDiM (Defard et al. 2020): ResNet-18 layers 1 to 3 at 256x256, 100 random dimensions, Mahalanobis a position.

    The chosen dimensions are taken before the coarse layers are enlarged, the distances are one batched product, the
    map is enlarged, smoothed, and its largest value taken, as in the paper's code.
    """

    name = "PaDiM, ResNet-18"
    SIDE_PX, GRID, DIMENSIONS = 256, 64, 100

    def __init__(self) -> None:
        random = np.random.default_rng(1)
        self._picture = Picture(self.SIDE_PX)
        self._session = resnet18_layers(self.SIDE_PX, (1, 2, 3))
        chosen = np.sort(random.permutation(64 + 128 + 256)[: self.DIMENSIONS])
        begins = (0, 64, 192, 448)
        self._chosen = [chosen[(chosen >= begin) & (chosen < end)] - begin for begin, end in pairwise(begins)]
        positions = self.GRID * self.GRID
        self._mean = random.normal(0, 1, (positions, self.DIMENSIONS)).astype(np.float32)
        self._inverse = np.empty((positions, self.DIMENSIONS, self.DIMENSIONS), np.float32)
        self._inverse[:] = np.eye(self.DIMENSIONS) + 0.01
        self._features = np.zeros((self.DIMENSIONS, self.GRID, self.GRID), np.float32)

    def judge(self, frame: Frame) -> float:
        """The largest value of the map."""
        layers = self._session.run(None, {"input": self._picture.take(frame)})
        begin = 0
        for layer, chosen in zip(layers, self._chosen, strict=True):
            end, factor = begin + len(chosen), self.GRID // layer.shape[2]
            self._features[begin:end] = layer[0, chosen].repeat(factor, axis=1).repeat(factor, axis=2)
            begin = end
        apart = self._features.reshape(self.DIMENSIONS, -1).T - self._mean
        weighed = np.matmul(self._inverse, apart[:, :, np.newaxis])[:, :, 0]
        squared = np.einsum("pd,pd->p", weighed, apart)
        cells = np.sqrt(np.maximum(squared, 0)).reshape(self.GRID, self.GRID)
        scores = cv2.resize(cells, (self.SIDE_PX, self.SIDE_PX), interpolation=cv2.INTER_LINEAR)
        return float(cv2.GaussianBlur(scores, (0, 0), 4).max())


class PatchCore(Judge):
    """PatchCore (Roth et al. 2022): ResNet-18 layers 2 and 3 at 256x256, the nearest of a memory of patches.

    The memory is the paper's smallest, 1 % of the patches of 209 pictures: 2,140. The nearest is found by one matrix
    product; the reweighting of the largest score, which is a few vectors, is left out.
    """

    name = "PatchCore, ResNet-18, 1 %"
    SIDE_PX, GRID, MEMORY = 256, 32, 2140

    def __init__(self) -> None:
        self._picture = Picture(self.SIDE_PX)
        self._session = resnet18_layers(self.SIDE_PX, (2, 3))
        self._memory = np.random.default_rng(2).normal(0, 1, (self.MEMORY, 384)).astype(np.float32)
        self._squares = np.square(self._memory).sum(axis=1)
        self._patches = np.zeros((self.GRID, self.GRID, 384), np.float32)

    def judge(self, frame: Frame) -> float:
        """The largest distance."""
        second, third = self._session.run(None, {"input": self._picture.take(frame)})
        wide, coarse = (np.ascontiguousarray(layer[0].transpose(1, 2, 0)) for layer in (second, third))
        self._patches[:, :, :128] = self._around(wide)
        self._patches[:, :, 128:] = self._enlarged(self._around(coarse))
        patches = self._patches.reshape(-1, 384)
        products = patches @ self._memory.T
        nearest = (self._squares - 2 * products).min(axis=1) + np.square(patches).sum(axis=1)
        cells = np.sqrt(np.maximum(nearest, 0)).reshape(self.GRID, self.GRID)
        scores = cv2.resize(cells, (self.SIDE_PX, self.SIDE_PX), interpolation=cv2.INTER_LINEAR)
        return float(cv2.GaussianBlur(scores, (0, 0), 4).max())

    def _around(self, layer: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.blur(layer, (3, 3), borderType=cv2.BORDER_CONSTANT))

    def _enlarged(self, layer: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.resize(layer, (self.GRID, self.GRID), interpolation=cv2.INTER_LINEAR))


class EfficientAD(Judge):
    """EfficientAD-S (Batzner et al. 2024): teacher, student and autoencoder at 256x256, without padding."""

    name = "EfficientAD-S"
    SIDE_PX = 256

    def __init__(self) -> None:
        self._picture = Picture(self.SIDE_PX)
        self._session = efficientad_small(self.SIDE_PX)

    def judge(self, frame: Frame) -> float:
        """The largest value of both maps' mean."""
        local, whole = self._session.run(None, {"input": self._picture.take(frame)})
        cells = 0.05 * local[0, 0] + 0.05 * whole[0, 0]  # stands for the two maps' quantile normalisation
        return float(cv2.resize(cells, (self.SIDE_PX, self.SIDE_PX), interpolation=cv2.INTER_LINEAR).max())


class MobileNet(Judge):
    """The nearest small embedding: MobileNetV2 at 224x224 to 128 numbers, and their distance to a centroid."""

    name = "MobileNetV2 at 224, 128 numbers"
    SIDE_PX = 224

    def __init__(self) -> None:
        self._picture = Picture(self.SIDE_PX)
        self._session = mobilenet_v2(self.SIDE_PX)
        self._centroid = np.zeros(EMBEDDING, np.float32)

    def judge(self, frame: Frame) -> float:
        """The distance."""
        (embedding,) = self._session.run(None, {"input": self._picture.take(frame)})
        return float(np.linalg.norm(embedding[0] - self._centroid))


PEERS: tuple[type[PaDiM | PatchCore | EfficientAD | MobileNet], ...] = (PaDiM, PatchCore, EfficientAD, MobileNet)
