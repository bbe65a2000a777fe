"""A test kit for plugin authors: small sources, and checks of the contracts.

from latent_analyze.testing import check_analysis
check_analysis(MyAnalysis())
"""

from latent_analyze.testing.checks import (
    check_adapter,
    check_analysis,
    check_sampler,
    figures_of,
    findings_of,
)
from latent_analyze.testing.comparison import RELATIVE_TOLERANCE, assert_same_result
from latent_analyze.testing.runs import (
    gaussian_members,
    run_analysis,
    shuffled_members,
    tiny_codes,
    tiny_source,
)

__all__ = [
    "RELATIVE_TOLERANCE",
    "assert_same_result",
    "check_adapter",
    "check_analysis",
    "check_sampler",
    "figures_of",
    "findings_of",
    "gaussian_members",
    "run_analysis",
    "shuffled_members",
    "tiny_codes",
    "tiny_source",
]
