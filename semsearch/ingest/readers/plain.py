"""The readers of files that are text, which they keep as it is: plain text, Markdown, reStructuredText and org-mode."""

from semsearch.ingest.readers.content import Content, of_text
from semsearch.ingest.readers.contract import Reader
from semsearch.ingest.readers.markup import parse_markdown, parse_org, parse_rst

TEXT = Reader("text", (".txt", ".text"), of_text("text", Content), sandboxed=False)
MARKDOWN = Reader("markdown", (".md", ".markdown"), of_text("markdown", parse_markdown), sandboxed=False)
RST = Reader("rst", (".rst",), of_text("rst", parse_rst), sandboxed=False)
ORG = Reader("org", (".org",), of_text("org", parse_org), sandboxed=False)
