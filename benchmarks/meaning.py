"""What "nearest in meaning" is: cosines of sentences, and arithmetic with words, by the default model."""

import numpy as np

from semsearch.embedders.pinned import load_embedder

SENTENCES = ("The cat sat on the mat", "A kitten rested on the rug", "Stock prices rose sharply today")
NOUNS = """
king queen prince princess duke man woman boy girl father mother son daughter uncle aunt nephew niece doctor nurse
teacher student soldier farmer baker lawyer judge priest monk nun actor singer poet painter dog cat horse cow sheep goat
lion tiger bear wolf fox eagle swan duck frog snake whale shark salmon bee bread butter cheese apple pear plum grape
lemon onion potato rice sugar salt pepper soup cake wine beer tea house castle palace church temple school hospital
prison tower bridge road river lake sea island mountain forest desert garden field beach city village country crown
throne sword shield armour army war peace law car train ship boat plane bicycle wheel engine hammer knife spoon plate
cup bottle table chair bed door window mirror lamp clock book letter newspaper pen paper coin gold silver iron stone
glass wood cloth silk hand foot head heart eye ear nose mouth hair bone blood brain voice song music dance game story
dream hope fear anger love hate joy grief truth lie luck fate time day night morning evening winter summer spring storm
"""


def main() -> None:
    embedder = load_embedder("all-MiniLM-L6-v2")
    cat, kitten, stocks = embedder.embed_documents(SENTENCES)
    print("\nThe meaning of the space: the cosine of two texts is high where they mean the same.\n")
    print(f"  {cat @ kitten:6.3f}  {SENTENCES[0]!r} and {SENTENCES[1]!r}")
    print(f"  {cat @ stocks:6.3f}  {SENTENCES[0]!r} and {SENTENCES[2]!r}")
    nouns = NOUNS.split()
    vectors = dict(zip(nouns, embedder.embed_documents(nouns), strict=True))
    target = vectors["king"] - vectors["man"] + vectors["woman"]
    target /= np.linalg.norm(target)
    others = [word for word in nouns if word not in {"king", "man", "woman"}]
    nearest = sorted(others, key=lambda word: -float(vectors[word] @ target))[:3]
    shown = ", ".join(f"{word} {vectors[word] @ target:.3f}" for word in nearest)
    print(f"\n  king - man + woman, among {len(others)} other nouns: {shown}\n")


if __name__ == "__main__":
    main()
