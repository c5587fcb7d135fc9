"""What bn-bench knows of this package before it imports the layer. Nothing heavy may be imported here."""

from bn_impls.registry import Descriptor

DESCRIPTOR = Descriptor(
    name="numpy-welford",
    framework="NumPy",
    summary="statistics by the parallel update of Chan, Golub and LeVeque; the moving variance divides by n - 1",
    target="bn_welford.layer:IMPLEMENTATION",
    modules=("numpy",),
    install="pip install numpy",
)
