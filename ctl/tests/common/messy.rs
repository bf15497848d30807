//! A messy home: what people really have lying about, written by the tools that really write it.

use super::planted::Planted;
use super::shell::Shell;
use super::{checked, macaroon, must, secret, set_mode};
use data_encoding::BASE64;

/// The whole of it.
pub(crate) fn home() -> Planted {
    let mut p = Planted::new();
    credentials(&mut p);
    packages(&mut p);
    settings(&mut p);
    keys(&mut p);
    git(&mut p);
    ssh(&mut p);
    databases(&mut p);
    projects(&mut p);
    encodings(&mut p);
    histories(&mut p);
    p
}

/// Credential files of tools.
fn credentials(p: &mut Planted) {
    let pair = (secret("AKIA{{base32:16}}", "aws id"), secret("{{alnum:40}}", "aws key"));
    let (id, key) = p.pair("AWS key", "cred.aws", pair);
    p.home.write(
        ".aws/credentials",
        format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {key}\n"),
    );
    p.home.write_mode(".aws/config", "[default]\nregion = eu-central-1\noutput = json\n", 0o600);

    let password = p.clear(".netrc", "cred.netrc", secret("q7{{alnum:16}}", "netrc"));
    p.home.write_mode(
        ".netrc",
        format!("machine api.company.test\n  login dev\n  password {password}\n"),
        0o644,
    );
    p.fact("file.mode-wide", "~/.netrc", "0644");

    let auth =
        p.clear("Docker", "cred.docker", BASE64.encode(secret("dev:{{alnum:22}}", "docker").as_bytes()));
    let config = format!(
        "{{\n\t\"auths\": {{\n\t\t\"registry.company.test\": {{\n\t\t\t\"auth\": \"{auth}\"\n\t\t}}\n\t}}\n}}\n"
    );
    p.home.write(".docker/config.json", config);

    let token = p.clear("GitHub CLI", "github-oauth-token", checked("gho_", "gh"));
    let hosts = format!("github.com:\n    user: dev\n    oauth_token: {token}\n    git_protocol: https\n");
    p.home.write(".config/gh/hosts.yml", hosts);

    let token = p.clear("kubectl", "cred.kube", secret("{{alnum:60}}", "kube"));
    p.home.write(
        ".kube/config",
        format!("apiVersion: v1\nkind: Config\nclusters:\n- name: lab\n  cluster:\n    server: https://lab.company.test:6443\nusers:\n- name: dev\n  user:\n    token: {token}\n"),
    );

    let token = p.clear("Vault", "vault-token", secret("hvs.{{alnum:90}}", "vault"));
    p.home.write(".vault-token", token);

    let token = p.clear(
        "Terraform Cloud",
        "terraform-token",
        secret("{{alnum:14}}.atlasv1.{{alnum:67}}", "terraform"),
    );
    p.home.write(
        ".terraform.d/credentials.tfrc.json",
        format!("{{\n  \"credentials\": {{\n    \"app.terraform.io\": {{\n      \"token\": \"{token}\"\n    }}\n  }}\n}}\n"),
    );
}

/// Package managers.
fn packages(p: &mut Planted) {
    let token = p.clear("npm", "npm-token", checked("npm_", "npm"));
    p.home.write(".npmrc", format!("//registry.npmjs.org/:_authToken={token}\nsave-exact=true\n"));
    let token = p.clear("cargo", "crates-io-token", secret("cio{{alnum:32}}", "cargo"));
    p.home.write(".cargo/credentials.toml", format!("[registry]\ntoken = \"{token}\"\n"));
    let token = p.clear("PyPI", "pypi-token", macaroon("pypi"));
    p.home.write(".pypirc", format!("[pypi]\nusername = __token__\npassword = {token}\n"));
    let password = p.clear("pip's index", "pkg.index-userinfo.pip", secret("q7{{alnum:14}}", "pip"));
    let pip = format!("[global]\nindex-url = https://dev:{password}@pypi.company.test/simple\n");
    p.home.write(".config/pip/pip.conf", pip);
}

/// Settings of tools that are no credentials.
fn settings(p: &mut Planted) {
    p.home.write(".config/uv/uv.toml", "allow-insecure-host = [\"pypi.company.test\"]\n");
    p.fact("pkg.tls-off.uv", "~/.config/uv/uv.toml", "pypi.company.test");
    let key = p.clear(
        "exported in .bashrc",
        "openai-key",
        secret("sk-proj-{{alnum:58}}T3BlbkFJ{{alnum:58}}", "openai"),
    );
    p.home.write_mode(
        ".bashrc",
        format!("alias ll='ls -l'\nexport OPENAI_API_KEY={key}\nexport NODE_TLS_REJECT_UNAUTHORIZED=0\n"),
        0o644,
    );
    p.fact("rc.tls-off", "~/.bashrc", "NODE_TLS_REJECT_UNAUTHORIZED");
    p.home.write_mode(".profile", "umask 022\n", 0o666);
    p.fact("rc.file-perms", "~/.profile", "666");
}

/// Keys by the programs that make keys.
fn keys(p: &mut Planted) {
    let home = &p.home;
    super::directories(&home.path(".ssh"), 0o700);
    super::directories(&home.path("Documents"), 0o755);
    let new = |args: &[&str], pass: &str, file: &str| {
        home.must("ssh-keygen", [&["-q", "-C", "dev@laptop", "-N", pass], args, &["-f", file]].concat());
    };
    new(&["-t", "ed25519"], "", ".ssh/id_ed25519");
    new(&["-t", "rsa", "-b", "2048", "-a", "4"], "a passphrase", ".ssh/id_rsa");
    new(&["-t", "ecdsa", "-m", "PEM"], "", "Documents/meeting notes");
    let putty = [
        "-t",
        "ed25519",
        "-q",
        "-C",
        "dev@laptop",
        "--random-device",
        "/dev/urandom",
        "--new-passphrase",
        "/dev/null",
    ];
    home.must("puttygen", [&putty[..], &["-o", ".ssh/server.ppk"]].concat());
    set_mode(&home.path(".ssh/server.ppk"), 0o600);
    let text = |path: &str| String::from_utf8(home.read(path)).unwrap().trim_end().to_owned();
    let (plain, pem, putty) =
        (text(".ssh/id_ed25519"), text("Documents/meeting notes"), text(".ssh/server.ppk"));
    p.clear("ssh-keygen without a passphrase", "ssh.key-plain", plain);
    p.clear("ssh-keygen -m PEM under an odd name", "private-key-ec", pem);
    p.clear("puttygen without a passphrase", "ssh.key-plain-putty", putty);
    p.fact("ssh.key-stray", "~/Documents/meeting notes", "Documents");
    p.fact_in_both("ssh.key-weak", ["~/.ssh/id_rsa", "~/.ssh/id_rsa.pub"], "2048");
}

/// Git's configuration, by git.
fn git(p: &mut Planted) {
    let home = &p.home;
    let global = |key: &str, value: &str| drop(home.must("git", ["config", "--global", key, value]));
    home.write_mode(".gitconfig", "", 0o644);
    global("user.name", "Dev");
    global("user.email", "dev@company.test");
    global("http.sslVerify", "false");
    global("credential.helper", "store");
    global("core.sshCommand", "ssh -o StrictHostKeyChecking=no");
    global("include.path", "~/.config/git/work.inc");
    home.write_mode(".config/git/work.inc", "", 0o644);
    home.must("git", ["config", "--file", ".config/git/work.inc", "protocol.ext.allow", "always"]);
    p.fact("git.tls-verify-off", "~/.gitconfig", "http.sslverify");
    p.fact("git.helper-store", "~/.gitconfig", "store");
    p.fact("git.sshcommand-unsafe", "~/.gitconfig", "core.sshcommand");
    p.fact("git.protocol-ext", "~/.config/git/work.inc", "protocol.ext.allow");
    // In the environment of `lapwing` itself.
    p.fact("git.fsck-off", "(environment)", "transfer.fsckobjects");

    let stored =
        p.clear("git credential-store", "git.credentials-file", secret("q7{{alnum:24}}", "credentials"));
    let mut approve = p.home.tool("git", ["credential", "approve"]);
    let input = p.home.beside("credential");
    std::fs::write(
        &input,
        format!("protocol=https\nhost=git.company.test\nusername=dev\npassword={stored}\n\n"),
    )
    .unwrap();
    must(approve.stdin(std::fs::File::open(&input).unwrap()));
    std::fs::remove_file(input).unwrap();

    let token = p.clear("token in a remote", "gitlab-pat", secret("glpat-{{alnum:20}}", "remote"));
    p.home.must("git", ["init", "-q", "src/tool"]);
    let url = format!("https://oauth2:{token}@gitlab.com/team/tool.git");
    p.home.must("git", ["-C", "src/tool", "remote", "add", "origin", &url]);
    p.home.must("git", ["-C", "src/tool", "remote", "add", "mirror", "http://git.company.test/tool.git"]);
    p.fact("git.insecure-remote", "~/src/tool/.git/config", "remote.mirror.url");
}

/// What `lapwing` must be run with to see the settings that are in no file.
pub(crate) const ENVIRONMENT: [(&str, &str); 3] = [
    ("GIT_CONFIG_COUNT", "1"),
    ("GIT_CONFIG_KEY_0", "transfer.fsckObjects"),
    ("GIT_CONFIG_VALUE_0", "false"),
];

fn ssh(p: &mut Planted) {
    p.home.write(
        ".ssh/config",
        "Include lab.conf\nHost build\n  HostName build.company.test\n  ForwardAgent no\n",
    );
    p.home.write(".ssh/lab.conf", "Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n");
    p.fact("ssh.hostkey-off", "~/.ssh/lab.conf", "stricthostkeychecking");
    p.fact("ssh.knownhosts-null", "~/.ssh/lab.conf", "userknownhostsfile");
}

fn databases(p: &mut Planted) {
    let password = p.clear(".pgpass", "cred.pgpass", secret("q7{{alnum:14}}", "pgpass"));
    p.home.write(".pgpass", format!("db.company.test:5432:*:app:{password}\n"));
    let password = p.clear(".my.cnf", "cred.mysql", secret("q7{{alnum:14}}", "mysql"));
    p.home.write(".my.cnf", format!("[client]\nuser = dev\npassword = \"{password}\"\n"));
}

/// Files of projects. One token is in two of them: that is one finding.
fn projects(p: &mut Planted) {
    let stripe = p.clear("Stripe, twice", "stripe-live-key", secret("sk_live_{{alnum:24}}", "stripe"));
    let url = p.clear("a database address", "postgresql-url-password", secret("q7{{alnum:16}}", "database"));
    p.home.write_mode(
        "src/shop/.env",
        format!(
            "PORT=8080\nSTRIPE_KEY={stripe}\nDATABASE_URL=postgres://app:{url}@db.company.test:5432/shop\n"
        ),
        0o644,
    );
    p.home.write_mode("src/shop/config.py", format!("DEBUG = False\nSTRIPE = \"{stripe}\"\n"), 0o644);
    let named = p.clear("a value that its name gives away", "generic-token", secret("{{alnum:32}}", "named"));
    p.home.write_mode("src/shop/settings.yaml", format!("name: shop\nservice_token: \"{named}\"\n"), 0o644);
    let hook = p.clear(
        "Slack webhook",
        "slack-webhook",
        secret("services/T{{upnum:10}}/B{{upnum:10}}/{{alnum:24}}", "hook"),
    );
    p.home.write_mode(
        "notes/runbook.md",
        format!("# Runbook\n\nTell the team at <https://hooks.slack.com/{hook}>.\n"),
        0o644,
    );
}

/// Secrets that are not there as they are.
fn encodings(p: &mut Planted) {
    let transcript = "~/.claude/projects/-home-dev-app/0f.jsonl";
    let key = p.clear(
        "in an agent's transcript",
        "anthropic-key",
        secret("sk-ant-api03-{{alnum:93}}AA", "anthropic"),
    );
    let pass =
        p.clear("escaped in an agent's transcript", "generic-password", secret("q7{{alnum:14}}", "escaped"));
    let tool = format!("cat .env\nANTHROPIC_API_KEY=\"{key}\"\n{{\"db_password\": \"{pass}\"}}\n");
    let line = serde_json::json!({"type": "user", "message": {"content": [{"type": "tool_result", "content": tool}]}});
    p.home.write(transcript, format!("{{\"type\":\"summary\"}}\n{line}\n"));

    let token = p.wide("UTF-16", "hugging-face-token", secret("hf_{{letters:34}}", "utf16"));
    p.home.write_mode("notes/export.txt", super::utf16(&format!("\u{feff}HF_TOKEN={token}\r\n")), 0o644);

    let token = p.encoded(
        "base64 in a Kubernetes secret",
        "sendgrid-key",
        "~/src/shop/k8s/secret.yaml",
        secret("SG.{{alnum:22}}.{{alnum:43}}", "k8s"),
    );
    let data = BASE64.encode(token.as_bytes());
    p.home.write_mode(
        "src/shop/k8s/secret.yaml",
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: mail\ntype: Opaque\ndata:\n  key: {data}\n"
        ),
        0o644,
    );

    let token = p.encoded(
        "percent-encoded",
        "telegram-bot-token",
        "~/notes/links.txt",
        secret("{{digits:9}}:AA{{alnum:33}}", "percent"),
    );
    let link = format!("https://hook.company.test/?next=bot%3D{}\n", token.replace(':', "%3A"));
    p.home.write_mode("notes/links.txt", link, 0o644);
}

/// Histories, by the shells that keep them, and one that is a database.
fn histories(p: &mut Planted) {
    let bash = p.clear("bash", "github-pat", checked("ghp_", "bash"));
    let login = p.clear("curl -u in bash", "command.http-login", secret("q7{{alnum:12}}", "curl"));
    let shell = Shell::start(&p.home, &["bash", "--norc", "-i"], &[]);
    shell.type_line(&format!("export GITHUB_TOKEN={bash}"));
    shell.type_line(&format!("true curl -u dev:{login} https://api.company.test/ | cat"));
    shell.type_line("echo d$((1+1))ne").wait("d2ne");
    shell.exit();

    let stamped =
        p.clear("bash with timestamps", "digitalocean-token", secret("dop_v1_{{hex:64}}", "stamped"));
    let file = p.home.path(".local/state/bash/history");
    super::directories(file.parent().unwrap(), 0o700);
    let env = [("HISTTIMEFORMAT", "%F %T "), ("HISTFILE", file.to_str().unwrap())];
    let shell = Shell::start(&p.home, &["bash", "--norc", "-i"], &env);
    shell.type_line(&format!("echo login {stamped} > /dev/null")).type_line("echo d$((1+1))ne").wait("d2ne");
    shell.exit();

    let rc = "HISTFILE=~/.zsh_history\nHISTSIZE=1000\nSAVEHIST=1000\nsetopt INC_APPEND_HISTORY EXTENDED_HISTORY\nPS1='%# '\n";
    p.home.write_mode(".zshrc", rc, 0o644);
    let zsh = p.clear(
        "zsh, on the second line of a command",
        "slack-bot-token",
        secret("xoxb-{{digits:11}}-{{digits:12}}-{{alnum:24}}", "zsh"),
    );
    let after = p.clear(
        "zsh, beside text that zsh writes in its own way",
        "google-api-key",
        secret("AIza{{alnum:35}}", "meta"),
    );
    let shell = Shell::start(&p.home, &["zsh", "-i"], &[]);
    shell.type_line("echo \"first").type_line(&format!("token {zsh}\""));
    shell.type_line(&format!("echo 'größe — ключ' {after}")).type_line("echo z$((1+1))z").wait("z2z");
    shell.exit();

    let fish = p.clear("fish", "gitlab-deploy-token", secret("gldt-{{alnum:20}}", "fish"));
    let shell = Shell::start(&p.home, &["fish", "-i"], &[]);
    shell.type_line(&format!("set -x DEPLOY {fish}; echo sécrèt")).type_line("echo f(math 1+1)f").wait("f2f");
    shell.exit();

    let atuin = p.encoded(
        "Atuin",
        "sendgrid-key",
        "~/.local/share/atuin/history.db",
        secret("SG.{{alnum:22}}.{{alnum:43}}", "atuin"),
    );
    let table = "CREATE TABLE history (id TEXT PRIMARY KEY, timestamp INTEGER NOT NULL, duration INTEGER NOT NULL, exit INTEGER NOT NULL, command TEXT NOT NULL, cwd TEXT NOT NULL, session TEXT NOT NULL, hostname TEXT NOT NULL, deleted_at INTEGER)";
    let row = format!(
        "INSERT INTO history VALUES ('a', 1, 1, 0, 'export SENDGRID={atuin}', '/', 's', 'h:dev', NULL)"
    );
    super::directories(&p.home.path(".local/share/atuin"), 0o700);
    p.home.must("sqlite3", [".local/share/atuin/history.db", &format!("{table}; {row};")]);
    set_mode(&p.home.path(".local/share/atuin/history.db"), 0o600);
}
