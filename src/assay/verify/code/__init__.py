"""Programs against hidden tests: what a response's program returns or prints is compared outside the sandbox it ran in."""

from assay.verify.code.verifier import CodeVerifier

__all__ = ["CodeVerifier"]
