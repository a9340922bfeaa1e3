//! Makes the style sheet smaller, since every page contains it. Written here because minifiers remove the spaces around
//! the plus of `clamp(1rem, 1rem + 1vw, 2rem)`, which it needs.

/// Removes comments, line breaks, and the spaces that separate nothing.
pub fn smaller(css: &str) -> String {
    let mut text = String::new();
    let mut rest = css;
    while let Some((before, comment)) = rest.split_once("/*") {
        text += before;
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    text += rest;
    let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for (from, to) in [
        (" {", "{"),
        ("{ ", "{"),
        ("; ", ";"),
        (": ", ":"),
        (", ", ","),
        (" }", "}"),
        ("} ", "}"),
        (";}", "}"),
    ] {
        text = text.replace(from, to);
    }
    text
}
