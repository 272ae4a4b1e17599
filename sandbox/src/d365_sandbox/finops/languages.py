"""Refusals in the language of the user (finops-odata sheet, section 8: texts are localised).

As in gettext, the English sentence is the key: rules are written in en-us, and responses are translated. Levels, the
names of methods and fields, and the errors of the OData library itself are not translated.
"""

from __future__ import annotations

import re

from d365_sandbox.finops.wordings import CAPTIONS, SENTENCES


def _pattern(sentence: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", sentence)
    return re.compile(
        "".join(f"(?P<{part}>.*?)" if at % 2 else re.escape(part) for at, part in enumerate(parts)), re.DOTALL
    )


_PATTERNS = [(_pattern(sentence), wordings) for sentence, wordings in SENTENCES]


def translated(line: str, language: str) -> str:
    """An Infolog line, such as `Warning: <sentence>`, in another language; as it is when there is none."""
    level, mark, sentence = line.partition(": ")
    return f"{level}{mark}{sentence_in(sentence, language)}"


def sentence_in(sentence: str, language: str) -> str:
    """A sentence in another language; as it is when there is none."""
    for pattern, wordings in _PATTERNS:
        found = pattern.fullmatch(sentence)
        if found and language in wordings:
            values = {
                name: _caption(text, language) if name in ("caption", "related") else text
                for name, text in found.groupdict().items()
            }
            return wordings[language].format(**values)
    return sentence


def _caption(text: str, language: str) -> str:
    return CAPTIONS.get(text, {}).get(language, text)
