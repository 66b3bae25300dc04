import pytest

from semsearch.store.stemming import stem

# words of scientific abstracts, with the stems that the algorithm's own implementation (Snowball 2.2) gives them
STEMS = """
international:intern conversational:convers exceptional:except nutritional:nutrit notably:notabl favorably:favor
inherently:inher inconsistently:inconsist regularizer:regular optimizer:optim memorization:memor polymerization:polymer
anonymization:anonym manifestation:manifest modulator:modul discriminator:discrimin pluralism:plural formalism:formal
equality:equal centrality:central virtually:virtual conceptually:conceptu usefulness:use truthfulness:truth
notoriously:notori rigorously:rigor consciousness:conscious expressiveness:express effectiveness:effect
reactivity:reactiv subjectivity:subject probability:probabl vulnerability:vulner probably:probabl remarkably:remark
psychology:psycholog typology:typolog carefully:care faithfully:faith seamlessly:seamless italy:itali realize:realiz
formalize:formal implicate:implic indicate:indic pathogenicity:pathogen eccentricity:eccentr radical:radic
mechanical:mechan insightful:insight faithful:faith smoothness:smooth brightness:bright normative:normat
figurative:figur aerial:aerial ductal:ductal distance:distanc governance:govern defence:defenc coherence:coher
carrier:carrier browser:browser diagnostic:diagnost dramatic:dramat programmable:programm noticeable:notic
implausible:implaus possible:possibl infant:infant want:want pavement:pavement displacement:displac garment:garment
enrichment:enrich sentiment:sentiment percent:percent photorealism:photor debate:debat univariate:univari
connectivity:connect toxicity:toxic synchronous:synchron anomalous:anomal extractive:extract postoperative:postop
size:size stabilize:stabil infiltration:infiltr generalisation:generalis suppresses:suppress processes:process
embodied:embodi relied:reli applies:appli discoveries:discoveri arteriosus:arteriosus locus:locus stateless:stateless
missingness:missing substances:substanc weaknesses:weak weed:weed guaranteed:guarante concluded:conclud
deduced:deduc unexpectedly:unexpect markedly:mark triggering:trigger interesting:interest surprisingly:surpris
seemingly:seem factory:factori inactivity:inact allocate:alloc future:futur skull:skull fall:fall
generation:generat communism:communism arsenic:arsenic hopping:hop hoping:hope tying:tie skies:sky news:news cries:cri
ties:tie by:by say:say cry:cri gas:gas this:this gaps:gap kiwis:kiwi agreed:agre feed:feed luxuriating:luxuri
disabled:disabl youth:youth boyish:boyish yes:yes yyy:yyy rolling:roll beauty:beauti controlled:control
succeeds:succeed exceeding:exceed inning:inning innings:inning
"""


@pytest.mark.parametrize(("word", "expected"), [pair.split(":") for pair in STEMS.split()])
def test_a_word_has_the_stem_of_the_published_algorithm(word: str, expected: str) -> None:
    assert stem(word) == expected


@pytest.mark.parametrize("word", ["", "a", "is", "zz"])
def test_a_word_of_up_to_two_letters_is_its_own_stem(word: str) -> None:
    assert stem(word) == word
