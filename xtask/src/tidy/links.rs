//! Links between pages: every relative link of a Markdown file leads to a file
//! or folder that is there, and every anchor to a heading of it.
//!
//! Links to other hosts are not followed: no check here reaches outside.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{BrokenLink, Event, LinkType, Options, Parser, Tag, TagEnd};

use super::{File, Finding};

/// A page with what can be linked to and what it links to.
struct Page {
    anchors: BTreeSet<String>,
    /// Line and destination.
    links: Vec<(usize, String)>,
    /// Line and name of references that nothing defines.
    undefined: Vec<(usize, String)>,
}

/// Every link that leads nowhere.
pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let is_page = |file: &&File| file.path.extension().is_some_and(|ending| ending == "md");
    let pages: BTreeMap<&Path, Page> = files
        .iter()
        .filter(is_page)
        .map(|file| (file.path.as_path(), Page::read(&file.text)))
        .collect();
    let mut findings = Vec::new();
    for file in files.iter().filter(is_page) {
        let page = &pages[file.path.as_path()];
        for (line, name) in &page.undefined {
            let problem = format!("nothing defines the link `{name}`");
            findings.push(Finding::new(file.at(*line), problem, "define it"));
        }
        for (line, link) in &page.links {
            if let Some(problem) = problem(file, link, &pages, files) {
                findings.push(Finding::new(
                    file.at(*line),
                    format!("the link `{link}` leads nowhere: {problem}"),
                    "link to what is there",
                ));
            }
        }
    }
    findings
}

/// Why a link leads nowhere.
fn problem(
    file: &File,
    link: &str,
    pages: &BTreeMap<&Path, Page>,
    files: &[File],
) -> Option<String> {
    if has_scheme(link) {
        return None;
    }
    let (path, anchor) = match link.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (link, None),
    };
    let target = if path.is_empty() {
        file.path.clone()
    } else {
        let folder = file.path.parent().unwrap_or(Path::new(""));
        match normalized(&folder.join(path)) {
            Some(target) => target,
            None => return Some("it leaves the repository".to_owned()),
        }
    };
    if path.starts_with('/') {
        return Some("it begins with `/`, which means different things to viewers".to_owned());
    }
    if !files.iter().any(|file| file.path.starts_with(&target)) {
        return Some(format!("there is no `{}`", target.display()));
    }
    let anchor = anchor?;
    match pages.get(target.as_path()) {
        Some(page) if page.anchors.contains(anchor) => None,
        Some(_) => Some(format!("`{}` has no heading `#{anchor}`", target.display())),
        None => Some(format!("`{}` is no page with headings", target.display())),
    }
}

/// Whether a link names a scheme, such as `https:`.
fn has_scheme(link: &str) -> bool {
    link.split_once(':').is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '+')
    })
}

/// A path without `.` and `..`; none if it leads out.
fn normalized(path: &Path) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => clean.pop().then_some(())?,
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    Some(clean)
}

impl Page {
    fn read(text: &str) -> Self {
        let line = |at: usize| text[..at].matches('\n').count() + 1;
        let mut undefined = Vec::new();
        let mut note = |link: BrokenLink<'_>| {
            // `[text]` alone is text in brackets.
            if matches!(link.link_type, LinkType::Reference | LinkType::Collapsed) {
                undefined.push((line(link.span.start), link.reference.to_string()));
            }
            None
        };
        let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES;
        let parser = Parser::new_with_broken_link_callback(text, options, Some(&mut note));
        let mut anchors = BTreeSet::new();
        let mut links = Vec::new();
        let mut heading: Option<String> = None;
        for (event, span) in parser.into_offset_iter() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let slug = slug(&heading.take().unwrap_or_default());
                    insert(&mut anchors, &slug);
                }
                Event::Text(words) | Event::Code(words) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&words);
                    }
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    links.push((line(span.start), dest_url.into_string()));
                }
                Event::Html(html) | Event::InlineHtml(html) => anchors.extend(html_anchors(&html)),
                _ => {}
            }
        }
        Self {
            anchors,
            links,
            undefined,
        }
    }
}

/// A heading that comes again gets a number, as hosts of repositories do it.
fn insert(anchors: &mut BTreeSet<String>, slug: &str) {
    let mut name = slug.to_owned();
    for number in 1.. {
        if anchors.insert(name) {
            return;
        }
        name = format!("{slug}-{number}");
    }
}

/// The anchor of a heading: lower case, without punctuation, `-` for spaces.
fn slug(heading: &str) -> String {
    let kept = heading
        .trim()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c })
        .flat_map(char::to_lowercase)
        .collect()
}

/// The values of `id` and `name` in HTML.
fn html_anchors(html: &str) -> Vec<String> {
    let mut anchors = Vec::new();
    for attribute in [" id=\"", " name=\""] {
        for part in html.split(attribute).skip(1) {
            anchors.extend(part.split('"').next().map(str::to_owned));
        }
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER: &str = "# Other page\n\n## `role/` and more!\n\n## Same\n\n## Same\n\n<a \
                         id=\"by-hand\"></a>\n";

    fn problems(text: &str) -> Vec<String> {
        let files = [
            File::new("docs/a.md", text),
            File::new("docs/deep/other.md", OTHER),
            File::new("crates/x/src/lib.rs", ""),
        ];
        check(&files).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        for link in [
            "deep/other.md",
            "./deep/other.md#other-page",
            "deep/other.md#role-and-more",
            "deep/other.md#same-1",
            "deep/other.md#by-hand",
            "deep/",
            "../crates/x/src/lib.rs",
            "../crates/x",
            "#here",
            "https://example.com/nothing#x",
            "mailto:a@example.com",
        ] {
            let text = format!("# Here\n\n[x]({link}) and ![x][r]\n\n[r]: {link}\n");
            assert_eq!(problems(&text), Vec::<String>::new(), "{link}");
        }
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found_with_its_line() {
        for (link, why) in [
            ("missing.md", "there is no `docs/missing.md`"),
            ("deep/other.md#none", "has no heading `#none`"),
            ("#none", "has no heading `#none`"),
            ("deep/other.md#same-2", "has no heading"),
            ("../../up.md", "leaves the repository"),
            ("/docs/a.md", "begins with `/`"),
            ("../crates/x/src/lib.rs#L1", "no page with headings"),
        ] {
            let found = problems(&format!("# Here\n\n| a |\n|---|\n| [x]({link}) |\n"));
            assert_eq!(found.len(), 1, "{link}: {found:?}");
            assert!(found[0].starts_with("docs/a.md:5: "), "{found:?}");
            assert!(found[0].contains(why), "{found:?}");
        }
    }

    #[test]
    fn a_reference_that_nothing_defines_is_found() {
        let found = problems("[text][gone] but [brackets] are text, `[code][x]` is code\n");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("nothing defines the link `gone`"));
    }

    #[test]
    fn what_is_in_a_code_block_is_no_link() {
        assert!(problems("```md\n[x](missing.md)\n```\n").is_empty());
    }
}
