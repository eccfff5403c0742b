"""Before any data: several ideas for a product, ranked by what they may bring, with the cheapest next test for each."""

from sixfold.ideas._declare import Figure, Idea, Ideas, load_ideas
from sixfold.ideas._page import TESTS, TITLES, ideas_page
from sixfold.ideas._rank import NextTest, Ranked, ranked

__all__ = ["TESTS", "TITLES", "Figure", "Idea", "Ideas", "NextTest", "Ranked", "ideas_page", "load_ideas", "ranked"]
