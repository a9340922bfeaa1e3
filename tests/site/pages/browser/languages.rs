//! The pages in other languages, from right to left too.

use npoc::locale::Language;
use npoc::web::Page;
use serde_json::json;

use super::assistive::{axe_violations, load_axe};
use super::looks::assert_nothing_is_outside;
use super::{QUESTIONABLE, State};
use crate::support::browser::{Browser, in_a_browser, in_a_browser_with};
use crate::support::good_with;

/// Returns every page and state of the form in a language.
fn states(language: Language) -> Vec<State> {
    let address = |page: &Page| page.address(language).to_string();
    let form = address(&Page::MEMBERSHIP);
    let mut states: Vec<State> = Page::ALL.iter().map(|page| State::page(&address(page))).collect();
    states.push(State::page(&format!("{}/nowhere", address(&Page::JOIN))));
    for (name, fields) in [
        ("refused", vec![("step", "check"), ("representative_email", "a b")]),
        ("check page", good_with(QUESTIONABLE)),
        ("change", good_with(&[("change", "statement")])),
    ] {
        states.push(State::posted(&format!("{name} in {}", language.code()), &form, fields));
    }
    states
}

/// Six languages, two of them longer than any real one.
const WITH_PSEUDO: &[(&str, &str)] = &[("NPOC_LANGUAGES", "en,fr,ar,ru,en-XA,ar-XB")];

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn no_language_scrolls_sideways() {
    in_a_browser(async |browser| {
        let languages = [Language::Fr, Language::Es, Language::Ar, Language::Zh, Language::Ru];
        assert_nothing_is_outside(browser, languages.into_iter().flat_map(states)).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn pseudo_languages_do_not_scroll_sideways() {
    in_a_browser_with(WITH_PSEUDO, async |browser| {
        let languages = ["en-XA", "ar-XB"].map(|code| Language::of_code(code).unwrap());
        assert_nothing_is_outside(browser, languages.into_iter().flat_map(states)).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn axe_finds_no_violation_in_other_languages() {
    in_a_browser(async |browser| {
        let mut found = Vec::new();
        browser.size(320, 640).await;
        for language in Language::ALL {
            let has_every_state = [Language::Ar, Language::Fr].contains(&language);
            let form = Page::MEMBERSHIP.address(language).to_string();
            for state in states(language)
                .iter()
                .filter(|state| has_every_state || state.path == form)
            {
                state.show(browser).await;
                load_axe(browser).await;
                let violations = axe_violations(browser).await;
                found.extend(
                    violations
                        .into_iter()
                        .map(|violation| format!("{}: {violation}", state.name)),
                );
            }
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
    })
    .await;
}

/// Fills in a field as a person does. A choice is pressed.
async fn fill_in(browser: &Browser, name: &str, value: &str) {
    let script = "const [name, value] = arguments;
        const fields = [...document.querySelectorAll(`form [name=${name}]`)];
        const choice = fields.find(field => field.value === value && /radio|checkbox/.test(field.type));
        if (choice) choice.click();
        else fields[0].value = value;";
    browser.js(script, vec![json!(name), json!(value)]).await;
}

async fn press(browser: &Browser, selector: &str) {
    browser.tab_to(selector).await;
    browser.enter().await;
}

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn form_leads_to_a_receipt_in_every_language() {
    in_a_browser(async |browser| {
        for language in Language::ALL {
            let tag = json!(language.tag());
            let is_in_language = async |state: &str| {
                assert_eq!(browser.see("document.documentElement.lang").await, tag, "{state}");
            };
            browser.open_page(&Page::MEMBERSHIP.address(language).to_string()).await;
            for (name, value) in good_with(&[("statement", "")]) {
                fill_in(browser, name, value).await;
            }
            // Enter in a field presses the first button, which checks.
            browser.tab_to("[name=organization_name]").await;
            browser.enter().await;
            is_in_language("refused").await;
            assert_eq!(
                browser.see("document.querySelectorAll('.summary li').length").await,
                json!(1)
            );
            fill_in(browser, "statement", "مؤسسة 协会 Общество: we run health posts.").await;
            press(browser, "form.application > button:not([formaction])").await;
            is_in_language("check page").await;
            let next = Language::ALL[(Language::ALL.iter().position(|one| *one == language).unwrap() + 1) % 6];
            let other = Page::MEMBERSHIP.address(next).to_string();
            press(browser, &format!("button[formaction='{other}']")).await;
            assert_eq!(
                browser.see("document.documentElement.lang").await,
                json!(next.tag()),
                "taken along"
            );
            let back = Page::MEMBERSHIP.address(language).to_string();
            press(browser, &format!("button[formaction='{back}']")).await;
            is_in_language("check page again").await;
            press(browser, "button[value=send]").await;
            is_in_language("receipt").await;
            assert_eq!(browser.see("!!document.querySelector('.reference')").await, json!(true));
        }
    })
    .await;
}
