//! Small rule files of each dialect, written for these tests: what is found, what is not, what is told.

use crate::engine::Engine;
use crate::pack::Packs;
use crate::rule::{Grade, Severity};
use crate::target::Target;
use crate::testing::{Home, fill, scan};

/// Built-in rules left out: what is found here is found by the file's own rules.
fn packs(name: &str, rules: &str) -> Packs {
    let mut packs = Packs::default();
    packs.add(name, rules);
    packs
}

fn found_at(packs: Packs, path: &str, text: &str) -> Vec<(String, String)> {
    let engine = Engine::new(packs).0;
    let target = Target { path, place: None, bytes: text.as_bytes(), meta: None };
    let report = scan(&engine, &target, &Home::default());
    let span = |f: &crate::finding::Finding| f.at.span.map(|(a, b)| text[a as usize..b as usize].to_owned());
    let all = report.findings.iter();
    all.filter(|f| f.kind == crate::rule::Kind::Secret)
        .map(|f| (f.page.id.clone(), span(f).unwrap_or_default()))
        .collect()
}

fn toml(rules: &str, text: &str) -> Vec<(String, String)> {
    found_at(packs("own.toml", rules), "src/a.txt", text)
}

fn yaml(rules: &str, text: &str) -> Vec<(String, String)> {
    found_at(packs("own.yml", rules), "src/a.txt", text)
}

fn told(packs: &Packs) -> (Vec<String>, Vec<String>) {
    let lines = |list: &[crate::pack::PackError]| list.iter().map(ToString::to_string).collect();
    (lines(&packs.errors), lines(&packs.notes))
}

fn pair(id: &str, secret: &str) -> (String, String) {
    (id.to_owned(), secret.to_owned())
}

/// One rule, with more lines for it.
fn rule(more: &str) -> String {
    format!("[[rules]]\nid = \"acme\"\nregex = '''acme_[0-9a-z]{{20}}'''\n{more}\n")
}

fn token() -> String {
    fill("acme_{{lownum:20}}", "import")
}

#[test]
fn a_match_is_found_wherever_the_expression_says() {
    let token = token();
    // Our own rules would ask for word edges here.
    let text = format!("x{token}yyy");
    assert_eq!(toml(&rule(""), &text), [pair("acme", &token)]);
    assert_eq!(toml(&rule(""), &token[..20]), []);
}

#[test]
fn the_secret_is_the_group_that_was_named_or_the_first_that_holds_anything() {
    let regex = r"(?i)(?:(zeta)|acme)-key\s*=\s*(x?)([0-9a-f]{16})";
    let file = |more: &str| format!("[[rules]]\nid = \"k\"\nregex = '''{regex}'''\n{more}\n");
    let secret = fill("{{hex:16}}", "import");
    let text = format!("ACME-KEY = {secret}");
    assert_eq!(toml(&file(""), &text), [pair("k", &secret)]);
    assert_eq!(toml(&file(""), &format!("zeta-key={secret}")), [pair("k", "zeta")]);
    assert_eq!(toml(&file("secretGroup = 3"), &format!("zeta-key={secret}")), [pair("k", &secret)]);
    // A group that took no part in a match is no secret.
    assert_eq!(toml(&file("secretGroup = 1"), &text), []);
    let (errors, _) = told(&packs("own.toml", &file("secretGroup = 4")));
    assert_eq!(
        errors,
        ["own.toml: rule `k`: field `secretGroup`: the expression has no group 4; the rule is not used"]
    );
}

#[test]
fn keywords_stand_anywhere_in_any_case() {
    let file = rule("keywords = [\"Vendor\", \"maker\"]");
    let token = token();
    assert_eq!(toml(&file, &token), []);
    assert_eq!(toml(&file, &format!("{token}\nthe\n VENDOR's\n")), [pair("acme", &token)]);
}

#[test]
fn entropy_must_be_above_the_threshold() {
    let low = format!("acme_{}", "ab".repeat(10));
    assert_eq!(toml(&rule("entropy = 3.0"), &low), []);
    assert_eq!(toml(&rule("entropy = 3"), &token()), [pair("acme", &token())]);
    assert_eq!(toml(&rule(""), &low), [pair("acme", &low)]);
}

#[test]
fn paths_limit_a_rule() {
    let file = rule("path = '''(?i)\\.txt$'''");
    assert_eq!(found_at(packs("own.toml", &file), "src/a.TXT", &token()).len(), 1);
    assert_eq!(found_at(packs("own.toml", &file), "src/a.md", &token()).len(), 0);
}

#[test]
fn allowlists_take_away_what_they_name() {
    let token = token();
    let text = format!("key={token} # sample\n");
    let found = |more: &str| toml(&rule(more), &text).len();
    let allow = |body: &str| format!("[[rules.allowlists]]\n{body}");
    let table = [
        (allow("regexes = ['''^acme_''']"), 0),
        (allow("regexes = ['''^key''']"), 1),
        (allow("regexTarget = \"match\"\nregexes = ['''^acme''']"), 0),
        (allow("regexTarget = \"line\"\nregexes = ['''sample$''']"), 0),
        (allow("stopwords = [\"ACME_\"]"), 0),
        (allow("stopwords = [\"sample\"]"), 1),
        (allow("paths = ['''^src/''']"), 0),
        (allow("paths = ['''^docs/''']"), 1),
        (allow("paths = ['''^src/''']\nstopwords = [\"sample\"]"), 0),
        (allow("condition = \"AND\"\npaths = ['''^src/''']\nstopwords = [\"sample\"]"), 1),
        (allow("condition = \"and\"\npaths = ['''^src/''']\nstopwords = [\"acme\"]"), 0),
        // Commits never hold of a file.
        (allow("condition = \"AND\"\ncommits = [\"c\"]\npaths = ['''^src/''']"), 1),
        (allow("commits = [\"c\"]\npaths = ['''^src/''']"), 0),
        ("[rules.allowlist]\nstopwords = [\"acme_\"]".to_owned(), 0),
        ("[allowlist]\nstopwords = [\"acme_\"]".to_owned(), 0),
        ("[[allowlists]]\npaths = ['''^src/''']".to_owned(), 0),
        ("[[allowlists]]\ntargetRules = [\"acme\"]\npaths = ['''^src/''']".to_owned(), 0),
        ("[[allowlists]]\ntargetRules = [\"other\"]\npaths = ['''^src/''']".to_owned(), 1),
        // One that cannot be used is not used: more is reported, not less.
        (allow("condition = \"XOR\"\nstopwords = [\"acme_\"]"), 1),
        (allow("regexes = ['''(?=a)''']\nstopwords = [\"acme_\"]"), 1),
    ];
    for (more, want) in table {
        assert_eq!(found(&more), want, "{more}");
    }
}

#[test]
fn rules_that_need_company_are_found_in_it() {
    let file = |near: &str| {
        format!(
            "{}[[rules.required]]\nid = \"user\"\n{near}\n[[rules]]\nid = \"user\"\nregex = '''user-[0-9]{{4}}'''\nskipReport = true\nkeywords = [\"not there\"]\n",
            rule("")
        )
    };
    let token = token();
    let text = |gap: &str| format!("user-1234{gap}{token}");
    let table = [
        ("", "\n\n\n\n", 1),
        ("withinLines = 2", "\n\n", 1),
        ("withinLines = 2", "\n\n\n", 0),
        ("withinColumns = 12", "  ", 1),
        ("withinColumns = 12", "         ", 0),
        ("withinColumns = 0\nwithinLines = 1", "\n", 1),
    ];
    for (near, gap, want) in table {
        let found = toml(&file(near), &text(gap));
        assert_eq!(found.len(), want, "{near} {gap:?} {found:?}");
        assert!(found.iter().all(|(id, _)| id == "acme"));
    }
    assert_eq!(toml(&file(""), &token), []);
    let alone = format!("{}[[rules.required]]\nid = \"gone\"\n", rule(""));
    let (errors, _) = told(&packs("own.toml", &alone));
    assert_eq!(
        errors,
        ["own.toml: rule `acme`: field `required`: there is no usable rule `gone`; the rule is not used"]
    );
}

const PARTLY: &str = r#"
title = "ours"
minVersion = "8"
prefilter = "x"
colour = "red"
[extend]
useDefault = true
path = "base.toml"
disabledRules = ["a"]
[[rules]]
id = "look"
regex = '''(?<=a)b'''
[[rules]]
id = "path-only"
path = '''id_rsa$'''
[[rules]]
id = "empty"
[[rules]]
regex = '''nameless'''
[[rules]]
id = "acme"
regex = '''acme_[0-9]{9}'''
validate = "v"
filter = "f"
tokenEfficiency = true
shape = 1
entropy = "much"
[[rules.allowlists]]
commits = ["c"]
regexes = ['''(a)\1''']
"#;

#[test]
fn every_part_of_a_toml_file_that_is_not_used_is_named() {
    let (errors, notes) = told(&packs("own.toml", PARTLY));
    let starts = |lines: &[String], want: &[&str]| {
        assert_eq!(lines.len(), want.len(), "{lines:#?}");
        for (line, want) in lines.iter().zip(want) {
            assert!(line.starts_with(&format!("own.toml: {want}")) && !line.contains('\n'), "{line}");
        }
    };
    starts(
        &errors,
        &[
            "field `extend.useDefault`",
            "field `extend.path`",
            "rule `look`: field `regex`: look-around",
            "rule `path-only`: field `path`: rules that look at the path alone",
            "rule `empty`: field `regex`: missing",
            "rule `?`: field `id`: missing",
        ],
    );
    starts(
        &notes,
        &[
            "field `extend.disabledRules`",
            "field `prefilter`",
            "rule `acme`: field `entropy`: not a number",
            "rule `acme`: field `allowlists.commits`",
            "rule `acme`: field `allowlists.regexes`: backreferences are not supported",
            "rule `acme`: field `filter`",
            "rule `acme`: field `validate`",
            "rule `acme`: field `tokenEfficiency`",
            "rule `acme`: field `shape`",
            "field `colour`",
        ],
    );
}

#[test]
fn yaml_rules_are_read_with_free_spacing_and_groups() {
    let file = "rules:\n  - name: Zeta key\n    id: kf.zeta.1\n    pattern: |\n      (?xi)\n      \\b zeta  # the vendor\n      (?:.|[\\n\\r]){0,9}?\n      \\b\n      (\n        [0-9a-f]{16}\n      )\n      \\b\n    min_entropy: 2.0\n    confidence: low\n    references: [https://zeta.example/docs, 'plain words']\n    examples:\n      - 'ZETA = 0a1b2c3d4e5f6071'\n    negative_examples: ['zeta = 0a1b']\n";
    let secret = fill("{{hex:16}}", "import yaml");
    assert_eq!(yaml(file, &format!("ZETA = {secret}")), [pair("kf.zeta.1", &secret)]);
    assert_eq!(yaml(file, &format!("ZETA = {}", "a1".repeat(8))), []);
    let packs = packs("own.yaml", file);
    assert_eq!(told(&packs), (Vec::new(), Vec::new()));
    let rule = &packs.foreign[0];
    assert_eq!((rule.grade, rule.page.title.as_str()), (Grade::Guessed, "Zeta key"));
    assert_eq!(rule.page.references, ["https://zeta.example/docs"]);
    let (ran, failures, _) = crate::testing::check_pack("own.yml", file);
    assert_eq!((ran, failures), (2, Vec::new()));
    let wrong = file.replace("zeta = 0a1b'", "zeta = 0a1b2c3d4e5f6071'");
    assert_eq!(
        crate::testing::check_pack("own.yml", &wrong).1[0].why,
        "a negative example is found (text 2)"
    );
}

#[test]
fn named_groups_come_first() {
    let file = |pattern: &str| format!("rules:\n- id: z\n  name: z\n  pattern: '{pattern}'\n");
    assert_eq!(yaml(&file("z(1+)-(?<token>2+)"), "z11-22"), [pair("z", "22")]);
    assert_eq!(yaml(&file("z(1+)-(?P<other>2+)"), "z11-22"), [pair("z", "22")]);
    assert_eq!(yaml(&file("z(1+)-(2+)"), "z11-22"), [pair("z", "11")]);
    assert_eq!(yaml(&file("z(?:(3)|1+-2+)"), "z11-22"), [pair("z", "z11-22")]);
}

#[test]
fn what_a_secret_must_consist_of_is_kept() {
    let file = |wants: &str| {
        format!(
            "rules:\n- id: z\n  name: z\n  pattern: zeta-([!-~]+)\n  pattern_requirements:\n    {wants}\n"
        )
    };
    let table = [
        ("min_digits: 2", "zeta-a1b2", 1),
        ("min_digits: 3", "zeta-a1b2", 0),
        ("min_uppercase: 1", "zeta-a1b2", 0),
        ("min_lowercase: 3", "zeta-a1b2", 0),
        ("min_special_chars: 1", "zeta-a1#b2", 1),
        ("{min_special_chars: 1, special_chars: '%'}", "zeta-a1#b2", 0),
        ("ignore_if_contains: [TEST]", "zeta-a1tEst", 0),
        ("ignore_if_contains: [TEST]", "zeta-a1", 1),
    ];
    for (wants, text, want) in table {
        assert_eq!(yaml(&file(wants), text).len(), want, "{wants} on {text}");
    }
}

#[test]
fn every_part_of_a_yaml_file_that_is_not_used_is_named() {
    let file = "rules:\n- name: One\n  id: one\n  pattern: 'one-[0-9]{9}'\n  validation: {type: Http}\n  revocation: {type: Http}\n  depends_on_rule: [{rule_id: two, variable: A}]\n  pattern_requirements: {checksum: {expected: x}}\n  categories: [api]\n  flavour: sweet\n- name: Two\n  id: two\n  pattern: 'two-[0-9]{9}'\n  visible: false\n- id: three\n  name: Three\n  pattern: '(?!x)y'\n- id: four\n- just text\nrulesets: []\ncolour: red\n";
    let packs = packs("own.yml", file);
    let (errors, notes) = told(&packs);
    let names = |lines: &[String]| {
        lines.iter().map(|l| l.split(": ").nth(2).unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(packs.imported(), 1);
    assert_eq!(
        errors,
        [
            "own.yml: rule `three`: field `pattern`: look-around, including look-ahead and look-behind, is not supported; the rule is not used",
            "own.yml: rule `four`: field `pattern`: missing; the rule is not used",
            "own.yml: field `rules`: an item that is not a rule is not used",
        ]
    );
    let fields = names(&notes[1..6]);
    let want = ["pattern_requirements.checksum", "validation", "revocation", "depends_on_rule", "flavour"];
    assert_eq!(fields, want.map(|f| format!("field `{f}`")), "{notes:#?}");
    assert!(notes[0].contains("`rulesets`") && notes[6].contains("`colour`"), "{notes:#?}");
    // A helper that its own tool does not report is not reported here.
    assert_eq!(found_at(packs, "a", "two-123456789 one-123456789"), [pair("one", "one-123456789")]);
}

#[test]
fn files_that_are_no_rules_say_so() {
    for (name, text, says) in [
        ("own.yml", "a: [1", "not valid YAML"),
        ("own.yaml", "a: 1", "no rules"),
        ("own.toml", "rules = 3", "field `rules`: not a table"),
        ("own.toml", "[[rules]\n", "not valid TOML"),
        ("own.txt", "rules:\n- x\n", "not a rule"),
    ] {
        let (errors, _) = told(&packs(name, text));
        assert!(errors.len() == 1 && errors[0].contains(says), "{text}: {errors:?}");
    }
}

#[test]
fn ids_of_ours_stay_ours() {
    let mut packs = Packs::builtin();
    let file =
        rule("").replace("\"acme\"", "\"GitLab_PAT\"") + "[[rules]]\nid = \"home_perms\"\nregex = 'zeta'\n";
    packs.add("own.toml", &file.replace("GitLab_PAT", "gitlab-pat"));
    packs.add("more.toml", &file);
    let ids: Vec<&str> = packs.foreign.iter().map(|r| r.page.id.as_str()).collect();
    assert_eq!(ids, ["imported.gitlab-pat", "home-perms", "imported.gitlab-pat.2", "imported.home-perms"]);
    assert!(ids.iter().all(|id| crate::rule::valid_id(id)));
    assert!(packs.errors.is_empty(), "{:?}", packs.errors);
    let engine = Engine::new(packs).0;
    assert_eq!(
        engine
            .pages()
            .iter()
            .filter(|(_, p)| p.id == "gitlab-pat" || p.id.starts_with("imported.gitlab-pat"))
            .count(),
        3
    );
}

#[test]
fn pages_are_written_for_people() {
    let file = rule(
        "description = \"Acme token,\\n of the old kind.\"\nseverity = \"Critical\"\ntags = [\"a\", \"b\"]",
    );
    let packs = packs("/home/dev/rules/own.toml", &file);
    let rule = &packs.foreign[0];
    assert_eq!(rule.page.title, "Acme token, of the old kind");
    assert_eq!(rule.page.severity, Severity::Critical);
    assert_eq!(rule.grade, Grade::Shaped);
    assert!(
        rule.page.why.ends_with("Imported rule: `acme` of own.toml. Its tags there: a, b."),
        "{}",
        rule.page.why
    );
    assert!(rule.page.advice.starts_with("Imported rule: "));
    assert_eq!(rule.needles.shown, 5);
    let group = "[[rules]]\nid = \"g\"\nregex = '''key=(\"?)(acme_[0-9]{20})'''\nsecretGroup = 2\n";
    assert_eq!(super::gitleaks::read("own.toml", group.parse().unwrap()).rules[0].grade, Grade::Shaped);
    let two = group.replace("secretGroup = 2", "");
    assert_eq!(super::gitleaks::read("own.toml", two.parse().unwrap()).rules[0].grade, Grade::Named);
}

/// A file of a few bytes must not cost hours.
#[test]
fn expressions_of_a_file_share_their_room() {
    let bombs: String = (0..2000)
        .map(|n| format!("[[rules]]\nid = \"b{n}\"\nregex = '''((a{{1000}}){{1000}}){{1000}}'''\n"))
        .collect();
    let packs = packs("own.toml", &format!("{bombs}{}", rule("")));
    let (errors, _) = told(&packs);
    assert_eq!((packs.imported(), errors.len()), (0, 2001));
    assert!(errors[0].contains("the expression is too large"), "{}", errors[0]);
    assert!(
        errors[2000]
            .contains("rule `acme`: field `regex`: the expressions of this file are too large together")
    );
}

#[test]
fn arbitrary_bytes_never_break_the_import() {
    let seeds = [
        rule("[[rules.allowlists]]\nregexes = ['''a''']\n[[rules.required]]\nid = \"acme\"\nwithinLines = 1"),
        "rules:\n- id: a\n  name: b\n  pattern: |\n    (?x) a (b+) # c\n  pattern_requirements: {min_digits: 1}\n".to_owned(),
        "[extend]\npath = \"x\"\n[[allowlists]]\ntargetRules = [\"a\"]\n".to_owned(),
    ];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % bound as u64) as usize
    };
    let odd = [
        "\u{0}",
        "{",
        "}",
        "[",
        "]",
        "'''",
        "\"",
        "\\",
        "(?",
        "&a",
        "*a",
        "- ",
        ": ",
        "\n",
        "é",
        "999999999999",
        "\t",
        "-1",
    ];
    for round in 0..3000 {
        let mut text: Vec<char> = seeds[round % seeds.len()].chars().collect();
        for _ in 0..=next(6) {
            let at = next(text.len() + 1);
            match next(3) {
                0 => drop(text.splice(at..at, odd[next(odd.len())].chars())),
                1 => text.truncate(at),
                _ => drop(text.drain(at..(at + next(9)).min(text.len()))),
            }
        }
        let text: String = text.into_iter().collect();
        for name in ["own.toml", "own.yml"] {
            let found = found_at(packs(name, &text), "a", "acme_0123456789abcdefghij abbb user-1234");
            assert!(found.len() < 100);
        }
    }
}
