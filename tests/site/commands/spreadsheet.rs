//! A spreadsheet changes no cell of an export. `bin/spreadsheet` opens one in `LibreOffice`.

use std::collections::HashMap;
use std::process::Command;

use serde_json::Value;
use uuid::Uuid;

use crate::support::TestSite;
use crate::support::process::stdout_of;

/// Questions that accept any text of at least one character.
const OPEN: [&str; 3] = ["organization_name_latin", "icann_groups", "authoriser"];

/// Returns each cell, and whether a spreadsheet changes it in some locale.
fn cells() -> impl Iterator<Item = (&'static str, bool)> {
    let lines = include_str!("cells.tsv").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let (kind, cell) = line.split_once('\t').unwrap();
        (cell, kind == "changed")
    })
}

/// Returns a site that has stored every cell, three in an application.
async fn site_with_cells() -> TestSite {
    let site = TestSite::new().await;
    let cells: Vec<&str> = cells().map(|(cell, _)| cell).collect();
    for typed in cells.chunks(OPEN.len()) {
        let changes: Vec<(&str, &str)> = OPEN.into_iter().zip(typed.iter().copied()).collect();
        site.apply(&changes).await;
    }
    site
}

fn export(site: &TestSite, format: &str) -> String {
    stdout_of(site.command(&["applications", "export", "--format", format]))
}

#[tokio::test]
async fn cells_that_a_spreadsheet_would_change_are_escaped() {
    let site = site_with_cells().await;
    let csv = export(&site, "csv");
    let mut csv = csv::Reader::from_reader(csv.trim_start_matches('\u{feff}').as_bytes());
    let rows = csv.deserialize::<HashMap<String, String>>().map(Result::unwrap);
    let shown = rows.flat_map(|row| OPEN.map(|name| row[name].clone()));
    let jsonl = export(&site, "jsonl");
    let rows = jsonl.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let exact = rows.flat_map(|row| OPEN.map(|name| row[name].clone()));
    let mut compared = 0;
    for (((typed, is_changed), shown), exact) in cells().zip(shown).zip(exact) {
        let apostrophe = if is_changed { "'" } else { "" };
        assert_eq!(shown, format!("{apostrophe}{typed}"));
        assert_eq!(exact, typed, "JSON Lines are exact");
        compared += 1;
    }
    assert_eq!(compared, cells().count());
}

#[tokio::test]
async fn unticked_box_is_an_answer_in_a_spreadsheet() {
    let site = TestSite::new().await;
    site.apply(&[("publish", "")]).await;
    let csv = export(&site, "csv");
    let mut csv = csv::Reader::from_reader(csv.trim_start_matches('\u{feff}').as_bytes());
    let row: HashMap<String, String> = csv.deserialize().next().unwrap().unwrap();
    for (name, cell) in [
        ("authorised", "yes"),
        ("publish", "no"),
        ("mailing_list", "no"),
        ("not_eligible", "none"),
        ("website", ""),
    ] {
        assert_eq!(row[name], cell, "{name}");
    }
}

#[tokio::test]
#[ignore = "opens the export in LibreOffice: bin/spreadsheet runs it"]
async fn libreoffice_changes_no_cell_in_twelve_languages() {
    let site = site_with_cells().await;
    let file = std::env::temp_dir().join(format!("npoc-export-{}.csv", Uuid::new_v4()));
    std::fs::write(&file, export(&site, "csv")).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/outside/spreadsheet.py");
    let opened = Command::new("python3").arg(script).arg(&file).status().unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(opened.success());
}
