//! Translators work in a spreadsheet: `bin/words` reads its tables back, and stores none with a fault.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::generator::words::catalogue::{self, Message};
use super::generator::words::{Failure, Locale, review, run};
use super::generator::{ENGLISH, locales, real};

/// A project with two small files, and its French translation.
struct Project {
    folder: TempDir,
    locale: Locale,
}

const FRENCH: &str = "# French\n\n# A note\ngreeting = Bonjour { $name } { $count }\n\nfarewell = Adieu\n";
const PLURAL: &str = "# $n (Number): a number\ndays = { $n ->\n    [one] a day\n   *[other] { $n } days\n}\n";
const JOURS: &str = "days = { $n ->\n    [one] un jour\n    [many] { $n } jours\n   *[other] { $n } jours\n}\n";

impl Project {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        for (path, text) in [("en/a", ENGLISH), ("en/b", PLURAL), ("fr/a", FRENCH), ("fr/b", JOURS)] {
            let path = folder.path().join(format!("{path}.ftl"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let locale = Locale::of(folder.path(), "fr").unwrap();
        Self { folder, locale }
    }

    fn table(&self) -> String {
        String::from_utf8(self.locale.table().unwrap()).unwrap()
    }

    fn french(&self) -> String {
        let read = |file| fs::read_to_string(self.folder.path().join(file)).unwrap();
        [read("fr/a.ftl"), read("fr/b.ftl")].concat()
    }

    /// Stores a table that a spreadsheet changed, and returns the files of French.
    fn store(&self, table: impl AsRef<[u8]>) -> Result<String, Failure> {
        self.locale.store_table(table.as_ref())?;
        Ok(self.french())
    }
}

#[test]
fn a_table_leaves_every_language_as_it_is() {
    let scratch = TempDir::new().unwrap();
    for code in ["ar", "en", "es", "fr", "ru", "zh"] {
        fs::create_dir(scratch.path().join(code)).unwrap();
        for file in real(code).into_keys() {
            let path = format!("{code}/{file}.ftl");
            fs::copy(locales().join(&path), scratch.path().join(path)).unwrap();
        }
    }
    for code in ["ar", "es", "fr", "ru", "zh"] {
        let locale = Locale::of(scratch.path(), code).unwrap();
        let table = locale.table().unwrap();
        assert_eq!(locale.store_table(&table).unwrap(), "The table has nothing new.\n");
        fs::remove_file(scratch.path().join(code).join("form.ftl")).unwrap();
        locale.store_table(&table).unwrap();
        let file = |root: &Path| catalogue::parse(&fs::read_to_string(root.join(code).join("form.ftl")).unwrap());
        let parts = |messages: Vec<Message>| messages.into_iter().map(|one| one.parts).collect::<Vec<_>>();
        assert_eq!(parts(file(scratch.path()).unwrap()), parts(file(&locales()).unwrap()));
    }
}

#[test]
fn a_table_of_a_spreadsheet_is_read_in_any_shape() {
    let project = Project::new();
    let table = project.table();
    assert!(table.starts_with("\u{FEFF}file,name,English,translation,comment\na,greeting,"));
    let expected = (project.french())
        .replace("Adieu", "@ bientôt, « Émile »\u{A0}!")
        .replace('«', "«\u{A0}");
    let expected = expected.replace("\u{A0} ", "\u{A0}").replace(" »", "\u{A0}»");
    let cell = "\"'@ bientôt, «\u{A0}Émile\u{A0}»\u{A0}!\"";
    let table = table.replace("Adieu", cell);
    let mut rows: Vec<&str> = table.split_inclusive('\n').collect();
    rows[1..3].reverse();
    let semicolons = "name;x;Translation;;\nfarewell;1;@ bientôt, «\u{A0}Émile\u{A0}»\u{A0}!;;\n;;;;\n\
        days;;\"{ $n ->\r\n[one] un jour\r\n[many] { $n } jours\r\n*[other] { $n } jours\r\n}\r\n\";;\n\
        greeting;;  Bonjour { $name } { $count }\u{A0};;\n";
    for shape in [
        table.clone(),
        table.replace('\n', "\r\n"),
        table.trim_start_matches('\u{FEFF}').to_owned(),
        rows.concat(),
        semicolons.to_owned(),
        semicolons.replace(';', "\t"),
    ] {
        let project = Project::new();
        assert_eq!(project.store(&shape).as_ref(), Ok(&expected), "{shape}");
        let again = project.table();
        assert_eq!(project.store(again).as_ref(), Ok(&expected));
    }
}

/// What a translator writes in a table in place of another text, and the fault.
const FAULTS: &[(&str, &str, &str)] = &[
    ("Adieu", "", "fr: farewell is missing"),
    ("Adieu", "L'eau", "fr: farewell: a straight apostrophe ('); write ’"),
    (
        "Adieu",
        "Adieu !",
        "fr: farewell: “ !” has a plain space; write a no-break space (U+00A0)",
    ),
    (
        "Adieu",
        "\"Adieu\ngreeting = x\"",
        "fr: farewell: a line break; write the sentence on one line",
    ),
    (
        "Adieu",
        "\"Adieu\n.title = x\"",
        "fr: farewell: an attribute (.title); give it a name of its own",
    ),
    ("Adieu", "A\tb", "fr: farewell: line 1: a tab; write spaces"),
    (
        "Adieu",
        "#NAME?",
        "fr: farewell: #NAME? is an error of the spreadsheet; write the sentence behind an apostrophe (')",
    ),
    (
        "Adieu",
        "??????",
        "fr: farewell: ??: letters were lost when a program saved them; save as UTF-8",
    ),
    (
        "Adieu",
        "Adieu { $name",
        "fr: farewell: line 1: a brace without its other half",
    ),
    ("Adieu", "Adieu { $nom }", "fr: farewell: $nom is not in English"),
    (
        "[many]",
        "[mnay]",
        "fr: days: [mnay] is no plural category of this language",
    ),
    ("a,farewell", "a,Farewell", "row 3: no sentence has the name “Farewell”"),
    ("a,farewell", "a,", "row 3: no sentence has the name “”"),
    (
        "b,days",
        "a,farewell,Goodbye,Salut,\nb,days",
        "fr: farewell: is there twice",
    ),
    ("comment", "translation", "Two columns have the header “translation”."),
];

fn assert_refused(table: &[u8], expected: &str) {
    let project = Project::new();
    let Err(Failure::Faults(faults)) = project.store(table) else {
        unreachable!("stored, not refused: {expected}");
    };
    assert_eq!(faults[0], expected);
    assert_eq!(project.french(), Project::new().french());
}

#[test]
fn a_table_with_a_fault_is_not_stored_and_names_it() {
    let whole = Project::new().table();
    for (from, to, fault) in FAULTS {
        assert_refused(whole.replace(from, to).as_bytes(), fault);
    }
}

#[test]
fn a_file_that_is_no_table_says_how_to_save_one() {
    let how = "In Excel, save it as “CSV UTF-8”. In LibreOffice, as “Text CSV” with the character set UTF-8.";
    let renamed = "No column has the header “translation”. The first row is: name, Traduction.";
    let utf_16: Vec<u8> = "\u{FEFF}name".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (file, fault) in [
        (b"PK\x03\x04".as_slice(), "The file is a workbook, not a table."),
        (&utf_16, "The file is UTF-16."),
        (
            b"name;translation\nfarewell;\xC0 bient\xF4t",
            "The file is not UTF-8 (line 2).",
        ),
        (b"name;Traduction\nfarewell;Adieu", renamed),
        (b"", "No column has the header “name”. The first row is: ."),
    ] {
        assert_refused(file, &format!("{fault} {how}"));
    }
}

#[test]
fn comments_stay_where_they_are_when_a_sentence_changes() {
    let project = Project::new();
    let path = project.folder.path().join("fr/a.ftl");
    let text = "\u{FEFF}# French\n# by Ann\ngreeting =\n    Bonjour { $name }\n\n    { $count }\n# B\nfarewell = Adieu\n# End\n";
    fs::write(path, text.replace('\n', "\r\n")).unwrap();
    let table = project
        .table()
        .replace("\"Bonjour { $name }\n\n{ $count }\"", "{ $count } { $name }");
    let expected = "# French\n# by Ann\ngreeting = { $count } { $name }\n# B\nfarewell = Adieu\n# End\n";
    assert_eq!(project.store(table).unwrap(), expected.to_owned() + JOURS);
}

#[test]
fn a_missing_sentence_is_an_empty_cell() {
    let project = Project::new();
    fs::write(project.folder.path().join("fr/a.ftl"), "farewell = Adieu\n").unwrap();
    fs::remove_file(project.folder.path().join("fr/b.ftl")).unwrap();
    let table = project.table();
    assert!(table.contains("\na,greeting,\"Hello { $name }, { $count } { $note }\",,\"$name (Text): a name "));
    let Err(Failure::Faults(faults)) = project.store(table) else {
        panic!("stored");
    };
    assert_eq!(faults, ["fr: greeting is missing", "fr: days is missing"]);
}

#[test]
fn a_table_for_older_english_says_so() {
    let project = Project::new();
    let table = project.table().replace("Goodbye", "Bye");
    let report = project.locale.store_table(table.as_bytes()).unwrap();
    let outdated = "farewell: the English has changed since the table was printed.\n";
    assert_eq!(report, format!("The table has nothing new.\n{outdated}"));
}

#[test]
fn a_review_is_recorded_as_the_build_reads_it() {
    let project = Project::new();
    let name = "Zoë \"Zo\" \\ O’Neill";
    project.locale.store_review(name).unwrap();
    let flat = |code: &str| {
        let files = catalogue::read(&project.folder.path().join(code)).unwrap();
        files.into_values().flatten().collect::<Vec<Message>>()
    };
    let folder = project.folder.path().join("fr");
    let reviewed = || format!("{:?}", review::read(&folder, &flat("fr"), &flat("en")).unwrap());
    let today = time::OffsetDateTime::now_utc().date();
    let expected = format!("Review {{ by: {name:?}, on: \"{today}\", messages: 3, changed: 0 }}");
    assert_eq!(reviewed(), expected);
    let table = project.table().replace("Adieu", "Salut");
    project.store(table).unwrap();
    assert_eq!(reviewed(), expected.replace("changed: 0", "changed: 1"));
}

#[test]
fn a_command_without_a_language_or_a_name_explains_itself() {
    let project = Project::new();
    for (arguments, sentence) in [
        (&["xx"][..], "“xx” is no translation. There are: fr."),
        (&["en"], "“en” is no translation. There are: fr."),
        (&["fr", "a.csv", "b.csv"], "Name a language, and perhaps a table."),
        (&["--reviewed", "fr"], "This needs --reviewed, a language and a name."),
        (&["--reviewed", "fr", " "], "This needs the name of the reviewer."),
    ] {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let usage = Failure::Usage(sentence.to_owned());
        assert_eq!(run(&arguments, project.folder.path()), Err(usage));
    }
}
