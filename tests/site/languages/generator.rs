//! A catalogue with a fault does not build, and each fault says what to correct.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

#[expect(dead_code, reason = "the program uses the rest")]
#[path = "../../../build/words.rs"]
pub mod words;

use words::catalogue::{self, Message, Part};
use words::{check, review};

/// Two sentences.
pub const ENGLISH: &str = "\
# $name (Text): a name
# $count (Number): a number
# $note (Text, optional): a note
greeting = Hello { $name }, { $count } { $note }
farewell = Goodbye
";
const FAREWELL: &str = "farewell = Adieu\n";

/// Returns the faults of a translation that is whole apart from these lines.
fn faults(language: &str, lines: &str) -> Vec<String> {
    let english = catalogue::parse(ENGLISH).unwrap();
    let rest = ["greeting = { $name } { $count }\n", FAREWELL];
    let is_given = |line: &str| lines.contains(line.split(' ').next().unwrap());
    let rest: String = rest.into_iter().filter(|line| !is_given(line)).collect();
    match catalogue::parse(&format!("{rest}{lines}")) {
        Ok(messages) => check::faults_of(language, &messages, &english),
        Err(faults) => faults,
    }
}

fn assert_fault(language: &str, lines: &str, expected: &str) {
    assert_eq!(faults(language, lines), [expected], "{lines}");
}

/// Returns a plural of a sentence with these forms.
fn plural(forms: &str) -> String {
    format!("greeting = {{ $name }} {{ $count ->\n{forms}\n}}\n")
}

/// Returns the folder of the catalogues.
pub fn locales() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("locales")
}

/// Returns the sentences of a language by file.
pub fn real(code: &str) -> BTreeMap<String, Vec<Message>> {
    catalogue::read(&locales().join(code)).unwrap()
}

#[test]
fn a_translation_has_the_messages_and_arguments_of_english() {
    assert_eq!(faults("fr", ""), [""; 0], "without the optional argument");
    assert_eq!(faults("fr", "greeting = { $note } { $count } { $name }"), [""; 0]);
    for (lines, fault) in [
        ("welcome = Salut", "fr: welcome is not in English"),
        ("farewell = Adieu\nfarewell = Salut", "fr: farewell: is there twice"),
        ("greeting = { $name }", "fr: greeting: $count is left out"),
        (
            "greeting = { $name } { $count } { $nom } { $nom }",
            "fr: greeting: $nom is not in English",
        ),
    ] {
        assert_fault("fr", lines, fault);
    }
    let english = catalogue::parse(ENGLISH).unwrap();
    let greeting = catalogue::parse("greeting = { $name } { $count }").unwrap();
    let missing = check::faults_of("fr", &greeting, &english);
    assert_eq!(missing, ["fr: farewell is missing"]);
}

#[test]
fn english_describes_each_argument() {
    assert_eq!(check::faults_of_english(&catalogue::parse(ENGLISH).unwrap()), [""; 0]);
    let undescribed = "en: a: $name is not described by a comment";
    for (text, fault) in [
        ("a = { $name }", undescribed),
        ("# $name: a name\na = { $name }", undescribed),
        ("# $name (Word): a name\na = { $name }", undescribed),
        ("# $name (Text): a name\n\na = { $name }", undescribed),
        ("# $name (Text): a name\na = Hello", "en: a: $name is left out"),
        (
            "# $n (Text): a name\na = { $n ->\n [one] 1\n *[other] 2\n}",
            "en: a: $n is no number",
        ),
        ("a = A\na = B", "en: a: is there twice"),
        ("a = <b>", "en: a: the character <: a sentence has no HTML"),
    ] {
        let found = check::faults_of_english(&catalogue::parse(text).unwrap());
        assert_eq!(found, [fault], "{text}");
    }
}

#[test]
fn plural_forms_are_those_of_the_language() {
    let arabic = "[zero] 0\n[one] 1\n[two] 2\n[few] 3\n[many] 4\n*[other] 5";
    assert_eq!(faults("ar", &plural(arabic)), [""; 0]);
    assert_eq!(faults("zh", &plural("*[other] 1")), [""; 0]);
    let twice = "[one] 1\n[few] 2\n[few] 3\n[many] 4\n*[other] 5";
    for (language, forms, fault) in [
        (
            "fr",
            "[one] 1\n*[other] 2",
            "fr: greeting: the plural form [many] is missing",
        ),
        (
            "ru",
            "[one] 1\n[fwe] 2\n[many] 3\n*[other] 4",
            "ru: greeting: [fwe] is no plural category of this language",
        ),
        (
            "fr",
            "[one] 1\n[few] 2\n[many] 3\n*[other] 4",
            "fr: greeting: [few] is no plural category of this language",
        ),
        ("ru", twice, "ru: greeting: the plural form [few] is there twice"),
        (
            "zh",
            "*[other] 1\n[other] 2",
            "greeting: the form with the asterisk is not the last one",
        ),
        ("zh", "[1] 1\n*[other] 2", "greeting: [1] is no plural category"),
        (
            "zh",
            "[other] 1",
            "line 4: no plural form has an asterisk, as in *[other]",
        ),
        (
            "zh",
            "*[other] 1\n*[many] 2",
            "line 4: two plural forms have an asterisk",
        ),
        ("zh", "*[other]", "line 4: a plural form has no text"),
        (
            "it",
            "*[other] 1",
            "it: greeting: the plural categories of it are not in build/check.rs",
        ),
    ] {
        assert_fault(language, &plural(forms), fault);
    }
    let on_text = "greeting = { $count } { $name ->\n*[other] a\n}";
    assert_fault("zh", on_text, "zh: greeting: $name is no number");
}

#[test]
fn a_message_is_text_arguments_and_plural_forms() {
    for (lines, fault) in [
        ("-npoc = NPOC", "-npoc: a term; write its words out"),
        (
            "farewell = { -npoc }",
            "farewell: a reference to -npoc; write its words out",
        ),
        (
            "farewell = { greeting }",
            "farewell: a reference to greeting; write its words out",
        ),
        (
            "farewell = { DATE($name) }",
            "farewell: the function DATE, which this site has not",
        ),
        ("farewell = { \"x\" }", "farewell: a placeable that is no argument"),
        ("farewell = { 3 }", "farewell: a placeable that is no argument"),
        ("farewell = { { $name } }", "farewell: a placeable that is no argument"),
        (
            "farewell = Adieu\n    .title = Titre",
            "farewell: an attribute (.title); give it a name of its own",
        ),
        (
            "farewell =\n    .title = Titre",
            "farewell: an attribute (.title); give it a name of its own",
        ),
        ("farewell =", "line 2: farewell: no text"),
        (
            "farewell = { DATE($name) ->\n*[other] x\n}",
            "farewell: the function DATE, which this site has not",
        ),
    ] {
        assert_fault("zh", lines, fault);
    }
}

#[test]
fn a_sentence_has_no_markup_and_no_invisible_characters() {
    let invisible = |code: &str| format!("the invisible character U+{code}; delete it");
    for (text, fault) in [
        ("a < b", "the character <: a sentence has no HTML".to_owned()),
        ("<b>", "the character <: a sentence has no HTML".to_owned()),
        ("l'eau", "a straight apostrophe ('); write ’".to_owned()),
        (
            "\"eau\"",
            "a straight quotation mark (\"); write the marks of the language, such as “ ”".to_owned(),
        ),
        ("a &lt; b", "&lt;, which is shown as it is".to_owned()),
        ("a & b&nbsp;: c; d", "&nbsp;, which is shown as it is".to_owned()),
        ("a &#39; b", "&#39;, which is shown as it is".to_owned()),
        ("\u{200F}a", invisible("200F")),
        ("\u{202A}a", invisible("202A")),
        ("a\u{2069}", invisible("2069")),
        ("a\u{61C}", invisible("061C")),
        ("a\u{200B}b", invisible("200B")),
        ("a\u{E000}", invisible("E000")),
        ("a\u{E004}", invisible("E004")),
        ("a\u{7}b", "the control character U+0007; delete it".to_owned()),
        (
            "a\u{FFFD}",
            "a letter was lost (U+FFFD); write it again, and save as UTF-8".to_owned(),
        ),
        (
            "??????",
            "??: letters were lost when a program saved them; save as UTF-8".to_owned(),
        ),
        ("a\n    b", "a line break; write the sentence on one line".to_owned()),
    ] {
        assert_fault("zh", &format!("farewell = {text}"), &format!("zh: farewell: {fault}"));
    }
    assert_eq!(faults("zh", "farewell = “a” & b; ’ « c » \u{2019} ‘d’ … ?"), [""; 0]);
    let inside = plural("[one] <i>\n[many] 2\n*[other] 3");
    assert_fault("es", &inside, "es: greeting: the character <: a sentence has no HTML");
}

#[test]
fn french_keeps_its_no_break_spaces() {
    for piece in ["a : b", "a ; b", "a ?", "a !", "a »", "5 %", "« a"] {
        let found = faults("fr", &format!("farewell = {piece}"));
        assert_eq!(found.len(), 1, "{piece}");
        assert!(found[0].contains("write a no-break space (U+00A0)"), "{found:?}");
        let kept = piece.replace(' ', "\u{A0}");
        assert_eq!(faults("fr", &format!("farewell = {kept}")), [""; 0]);
        assert_eq!(faults("es", &format!("farewell = {piece}")), [""; 0]);
    }
}

#[test]
fn a_syntax_error_names_its_line() {
    let stray = "a line that is no message; in a long sentence, indent each further line";
    for (text, fault) in [
        ("a = A\n\n# Comment\nb { $x }\n", format!("line 4: {stray}")),
        ("a = A\nand more\n", format!("line 2: {stray}")),
        (
            "a = é é\nb = { $x\nc = C\n",
            "line 3: a brace without its other half".to_owned(),
        ),
        ("a = A }\n", "line 1: a brace without its other half".to_owned()),
        ("a = A\r\nb = {\r\n", "line 3: Expected an inline expression".to_owned()),
        (
            "a = { $n ->\n\t[one] 1\n   *[other] 2\n}\n",
            "line 2: a tab; write spaces".to_owned(),
        ),
    ] {
        assert_eq!(catalogue::parse(text), Err(vec![fault]), "{text}");
    }
}

#[test]
fn a_file_that_windows_saved_is_read_like_any_other() {
    for code in ["ar", "en", "es", "fr", "ru", "zh"] {
        let folder = locales().join(code);
        for (file, messages) in real(code) {
            let text = fs::read_to_string(folder.join(format!("{file}.ftl"))).unwrap();
            let saved = format!("\u{FEFF}{}", text.replace('\n', "\r\n"));
            assert_eq!(catalogue::parse(&saved).unwrap(), messages, "{code} {file}");
        }
    }
}

#[test]
fn a_file_that_is_not_utf_8_is_refused_by_name() {
    let folder = TempDir::new().unwrap();
    let utf_16 = "a = é".encode_utf16().flat_map(u16::to_le_bytes);
    let utf_16: Vec<u8> = [0xFF, 0xFE].into_iter().chain(utf_16).collect();
    for content in [b"a = \xE9".to_vec(), utf_16] {
        let path = folder.path().join("site.ftl");
        fs::write(&path, content).unwrap();
        let fault = format!("{}: the file is not UTF-8; save it as UTF-8", path.display());
        assert_eq!(catalogue::read(folder.path()), Err(vec![fault]));
    }
}

#[test]
fn a_damaged_file_gives_sentences_and_never_a_panic() {
    let text = fs::read_to_string(locales().join("ar/pages.ftl")).unwrap();
    let start = text.find("privacy-kept-days").unwrap();
    let text: Vec<char> = text[start..].chars().take(700).collect();
    for index in 0..text.len() {
        for put in ["", "}", "{", "\n", "[", "*", "=", "\r", "مر", "."] {
            let (before, after) = (&text[..index], &text[index + 1..]);
            let damaged: String = before
                .iter()
                .copied()
                .chain(put.chars())
                .chain(after.iter().copied())
                .collect();
            if let Err(faults) = catalogue::parse(&damaged) {
                assert!(!faults.is_empty());
            }
        }
    }
}

#[test]
fn every_sentence_is_the_same_after_writing_and_reading() {
    let again = |message: &Message| catalogue::parse(&format!("{} = {}\n", message.name, message.source())).unwrap();
    for code in ["ar", "en", "es", "fr", "ru", "zh"] {
        for message in real(code).into_values().flatten() {
            assert_eq!(again(&message)[0].parts, message.parts, "{code} {}", message.name);
        }
    }
    let text = "a = x { $n ->\n[one] { $m ->\n[one] 1 { $b }\n*[other] .2\n} y\n*[other] [z]\n} { $c }, w\n";
    let nested = catalogue::parse(text).unwrap();
    assert!(matches!(nested[0].parts[1], Part::Plural { .. }));
    assert_eq!(again(&nested[0])[0].parts, nested[0].parts);
}

#[test]
fn a_review_ends_when_a_sentence_changes_not_its_comment() {
    let message = |text: &str| catalogue::parse(text).unwrap().remove(0);
    let (english, french) = (message("a = Hello { $name }"), message("a = Salut { $name }"));
    let digest = review::digest(&english, &french);
    assert_eq!(digest.len(), 8);
    let commented = message("# A note\na = Salut { $name }");
    assert_eq!(
        review::digest(&message("# More\na = Hello { $name }"), &commented),
        digest
    );
    assert_ne!(review::digest(&message("a = Hello, { $name }"), &french), digest);
    assert_ne!(review::digest(&english, &message("a = Salut à { $name }")), digest);
    assert_ne!(review::digest(&french, &english), digest);
}
