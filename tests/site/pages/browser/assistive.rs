//! The site for assistive technology.

use npoc::locale::Language;
use npoc::membership::{QUESTIONS, Question, Rule, words};
use serde_json::{Value, json};

use super::every_state;
use crate::support::browser::{Browser, in_a_browser};

/// Runs axe-core with every rule of WCAG 2.0 to 2.2, A and AA, and its best practices.
const AXE: &str = "const done = arguments[arguments.length - 1];
    axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
       .then(found => done({
           violations: found.violations.map(v => v.id + ': ' + v.nodes.map(n => n.target.join(' ')).join(', ')),
           passes: found.passes.length,
       }))
       .catch(error => done({ violations: [String(error)], passes: 0 }));";

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn axe_finds_no_violation_on_any_page() {
    in_a_browser(async |browser| {
        let mut found = Vec::new();
        for state in every_state(browser).await {
            state.show(browser).await;
            load_axe(browser).await;
            for (scheme, width) in [("light", 1280), ("light", 320), ("dark", 320), ("dark", 1280)] {
                // Reduced motion, so that no color is measured during a transition.
                let still = ("prefers-reduced-motion", "reduce");
                browser.media(&[("prefers-color-scheme", scheme), still]).await;
                browser.size(width, 900).await;
                for violation in axe_violations(browser).await {
                    found.push(format!("{} ({scheme}, {width} px): {violation}", state.name));
                }
            }
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
    })
    .await;
}

/// Loads axe-core into the open page.
pub async fn load_axe(browser: &Browser) {
    let path = std::env::var("AXE").expect("AXE is the path of axe-core: bin/browser fetches it");
    browser.js(&std::fs::read_to_string(path).unwrap(), Vec::new()).await;
}

pub async fn axe_violations(browser: &Browser) -> Vec<String> {
    let answer = browser.driver.execute_async(AXE, Vec::new()).await.unwrap();
    let answer = answer.json();
    assert!(
        answer["passes"].as_u64().unwrap() > 10 || answer["violations"] != json!([]),
        "axe checked the page"
    );
    let violations = answer["violations"].as_array().unwrap();
    violations.iter().map(ToString::to_string).collect()
}

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn fields_expose_label_hint_problem_and_state() {
    in_a_browser(async |browser| {
        browser.post("/membership", &[("step", "check")]).await;
        let tree = accessibility_tree(browser).await;
        let fields = QUESTIONS.iter().filter(|question| question.offers().is_empty());
        for question in fields {
            assert_exposed(question, &label(question), &tree, &["textbox", "combobox"]);
        }
        for question in QUESTIONS.iter().filter(|question| !question.offers().is_empty()) {
            assert_choices_exposed(question, &tree);
        }
        let invalid = tree
            .iter()
            .filter(|node| property(node, "invalid") == json!("true"))
            .count();
        let wrong = QUESTIONS.iter().filter(|question| question.required);
        assert_eq!(invalid, wrong.count(), "number of invalid questions");
    })
    .await;
}

/// Returns the accessibility tree without ignored nodes.
async fn accessibility_tree(browser: &Browser) -> Vec<Value> {
    let tree = browser.emulate("Accessibility.getFullAXTree", json!({})).await;
    let nodes = tree["nodes"].as_array().unwrap().iter();
    nodes.filter(|node| node["ignored"] == json!(false)).cloned().collect()
}

/// Checks the role and name of a question with choices. A single checkbox has the name of its choice.
fn assert_choices_exposed(question: &Question, tree: &[Value]) {
    let label = label(question);
    match question.rule {
        Rule::OneOf(_) => assert_exposed(question, &label, tree, &["radiogroup"]),
        Rule::AnyOf(_) => assert_exposed(question, &label, tree, &["group"]),
        _ => assert_exposed(
            question,
            words::choice(Language::En, question.field, "yes").unwrap(),
            tree,
            &["checkbox"],
        ),
    }
}

fn label(question: &Question) -> String {
    let optional = if question.required { "" } else { " (optional)" };
    format!("{}{optional}", words::label(Language::En, question.field))
}

fn assert_exposed(question: &Question, label: &str, tree: &[Value], roles: &[&str]) {
    let is_wanted = |node: &&Value| {
        roles.contains(&node["role"]["value"].as_str().unwrap_or_default()) && node["name"]["value"] == json!(label)
    };
    let nodes: Vec<&Value> = tree.iter().filter(is_wanted).collect();
    assert_eq!(nodes.len(), 1, "{label} with one of the roles {roles:?}");
    let description = nodes[0]["description"]["value"].as_str().unwrap_or_default();
    assert!(
        description.contains(&*words::hint(Language::En, question.field).unwrap_or_default()),
        "{label}: {description}"
    );
    assert_eq!(
        description.contains("Error: "),
        question.required,
        "{label}: {description}"
    );
    if question.required {
        assert_eq!(property(nodes[0], "invalid"), json!("true"), "{label}");
    }
    let is_long = matches!(question.rule, Rule::Prose(..));
    assert_eq!(property(nodes[0], "multiline") == json!(true), is_long, "{label}");
}

fn property(node: &Value, name: &str) -> Value {
    let properties = node["properties"].as_array().map(Vec::as_slice).unwrap_or_default();
    let property = properties.iter().find(|property| property["name"] == json!(name));
    property.map_or(Value::Null, |property| property["value"]["value"].clone())
}
