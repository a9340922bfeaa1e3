"""Applies and checks pages and emails as an applicant does, for the scripts that drive the site from outside.

applicant.py MAILBOX PART ARGUMENT…: a part is a function below. Exits with a sentence if a check fails.
"""

import email, email.policy, html.parser, json, pathlib, sys, urllib.parse

# Field, typed text, and the text that people read if it differs. One answer is missing.
ANSWERS = [
    ("organization_name", "例え財団"),
    ("organization_name_latin", "Tatoe Zaidan & Co <\"Ōsaka\">"),
    ("domain_name", "https://例え。テスト/about", "例え.テスト"),
    ("country", "JP", "Japan"),
    ("registered", "yes", "Yes"),
    ("registration_note", "内閣府, no. 0100-05"),
    ("kind_of_work", "humanitarian", "Humanitarian"),
    ("statement", "We lend books to every island.\r\nالكتب للجميع, and we wish to join.", "We lend books to every island.", "الكتب للجميع, and we wish to join."),
    ("representative_name", "田中 花子"),
    ("representative_role", "Secretary—general"),
    ("representative_email", sys.argv[1] + "@例え.テスト"),
    ("representative_phone", "+81 (0)6 0000-0000"),
    ("alternate_name", "Ünal Çelik"),
    ("alternate_email", "celik@example.org"),
    ("ncsg_status", "applied", "Applied, not yet accepted"),
    ("icann_groups", "At-Large"),
    ("not_eligible", "icann-contract", "A provider of services under a contract or memorandum with ICANN"),
    ("not_eligible", "government", "A body that represents a government in ICANN"),
    ("authorised", "yes", "Yes"),
    ("authoriser", "佐藤 一郎, director"),
    ("publish", "yes", "Yes"),
    ("mailing_list", "yes", "Yes"),
]
READ = [line for _, typed, *read in ANSWERS for line in read or [typed]]


class Page(html.parser.HTMLParser):
    """The fields and answers of a page. Each answer is a label and its lines."""

    def __init__(self, content):
        super().__init__()
        self.names, self.hidden, self.answers, self.place, self.text = set(), [], [], None, ""
        self.feed(content)

    @classmethod
    def of(cls, path):
        return cls(pathlib.Path(path).read_text())

    def handle_starttag(self, tag, attributes):
        has = dict(attributes)
        if tag in ("input", "textarea", "select"):
            self.names.add(has.get("name"))
            if has.get("type") == "hidden":
                self.hidden.append((has["name"], has["value"]))
        if tag in ("dt", "dd"):
            self.place = "button" if "class" in has else tag
        if tag == "dt":
            self.answers.append(["", ""])
        if tag == "p" and self.place == "dd" and self.answers[-1][1]:
            self.handle_data("\n")

    def handle_endtag(self, tag):
        if tag in ("dt", "dd"):
            self.place = None

    def handle_data(self, data):
        self.text += data
        if self.place in ("dt", "dd"):
            self.answers[-1][self.place == "dd"] += data


def must(condition, *words):
    if not condition:
        sys.exit(" ".join(map(str, words)))


def form(page):
    """Prints the body that the form sends to be checked."""
    page = Page.of(page)
    for field, *_ in ANSWERS:
        must(field in page.names, "the form has no", field)
    print(urllib.parse.urlencode([(field, typed) for field, typed, *_ in ANSWERS] + [("step", "check")]))


def send(page):
    """Prints the body that the check page's last button sends."""
    page = Page.of(page)
    for line in READ:
        must(any(line in answer.split("\n") for _, answer in page.answers), "the check page does not show", line)
    must("submission_key" in dict(page.hidden), "no submission_key")
    print(urllib.parse.urlencode(page.hidden + [("step", "send")]))


def parts(mail):
    must(mail.get_content_type() == "multipart/alternative", mail.get_content_type())
    types = [part.get_content_type() for part in mail.iter_parts()]
    must(types == ["text/plain", "text/html"], types)
    return [part.get_content().replace("\r\n", "\n") for part in mail.iter_parts()]


def read(path, headers):
    mail = email.message_from_bytes(pathlib.Path(path).read_bytes(), policy=email.policy.default)
    for header, value in headers.items():
        found = mail.get_all(header) or []
        must(list(map(str, found)) == value, header, "is", found, "and not", value)
    must(not mail.defects, mail.defects)
    return parts(mail)


def staff(path, reference, page):
    text, hypertext = read(path, {
        "Subject": [f"[NPOC membership] 例え財団 (Japan) {reference}"],
        "From": ["NPOC website <no-reply@npoc.org>"],
        "To": ["info@npoc.org"],
        # Servers without SMTPUTF8 would refuse an email with an address outside ASCII.
        "Reply-To": [f"{sys.argv[1]}@xn--r8jz45g.xn--zckzah"] if sys.argv[1].isascii() else [],
        "X-NPOC-Reference": [reference],
        "Auto-Submitted": ["auto-generated"],
        "Message-ID": [f"<{reference}.staff@npoc.org>"],
    })
    answers = Page.of(page).answers
    must(len(answers) == 22, "the check page shows", len(answers), "answers")
    must(sum(answer == "Not provided" for _, answer in answers) == 1, answers)
    for label, answer in answers:
        block = "\n".join(["", label, *("    " + line for line in answer.split("\n")), ""])
        must(block in text, "the text does not say", block, "but", text)
    for line in READ:
        must("\n    " + line + "\n" in text, "the text does not say", line)
        must(line in Page(hypertext).text, "the HTML does not say", line)
    must("Reference: " + reference in text, "no reference in the text")


def applicant(path, reference, receipt):
    mailbox = sys.argv[1] if sys.argv[1].isascii() else None
    text, hypertext = read(path, {
        "Reply-To": ["info@npoc.org"],
        "X-NPOC-Reference": [reference],
        "Auto-Submitted": ["auto-generated"],
        "Message-ID": [f"<{reference}.applicant@npoc.org>"],
        **({"To": [f"{mailbox}@xn--r8jz45g.xn--zckzah"]} if mailbox else {}),
    })
    for part in text, hypertext:
        must(reference in part and "https://npoc.example" + receipt in part, "no reference or receipt in", part)
        for line in READ:
            must(line == "Yes" or line not in part, "the applicant's email says", line)


def receipt(page, reference):
    page = Page.of(page)
    must(reference in page.text, "no reference")
    for line in READ:
        must(line == "Yes" or line not in page.text, "the receipt says", line)


def relayed(folder, reference, kind):
    """Prints the file of this kind of email at the relay, and checks how it came."""
    for how in pathlib.Path(folder).glob("*.json"):
        path = how.with_suffix(".eml")
        if f"Message-ID: <{reference}.{kind}@".encode() in path.read_bytes():
            how = json.loads(how.read_text())
            to = "info@npoc.org" if kind == "staff" else sys.argv[1] + "@xn--r8jz45g.xn--zckzah"
            must(how["tls"] and how["authenticated"], how)
            must(how["from"] == "no-reply@npoc.org" and how["to"] == [to], how)
            must(how["smtputf8"] != to.isascii(), how)
            return print(path)
    sys.exit(f"the relay has no email {reference}.{kind}")


globals()[sys.argv[2]](*sys.argv[3:])
