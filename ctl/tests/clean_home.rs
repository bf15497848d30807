//! A busy developer's well-kept home: nothing is found in it.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make files of their own, and may fail"
)]

mod common;

use common::shell::Shell;
use common::{Home, directories, secret, set_mode};

/// Dotfiles as people keep them.
fn dotfiles(home: &Home) {
    home.write_mode(
        ".bashrc",
        "case $- in *i*) ;; *) return ;; esac\nHISTCONTROL=ignoreboth\nHISTSIZE=10000\nshopt -s histappend\n\
         alias ll='ls -lah'\nalias gs='git status'\nalias k=kubectl\nalias sudo='sudo '\n\
         export PATH=\"$HOME/.local/bin:$HOME/.cargo/bin:$PATH\"\nexport EDITOR=nvim\nexport LESS=-R\n\
         export GITHUB_TOKEN=\"$(gh auth token)\"\nexport NPM_TOKEN=$(pass show npm)\n\
         eval \"$(starship init bash)\"\n[ -f ~/.fzf.bash ] && . ~/.fzf.bash\n",
        0o644,
    );
    home.write_mode(".profile", "umask 022\n[ -n \"$BASH_VERSION\" ] && . ~/.bashrc\n", 0o644);
    home.write_mode(
        ".zshrc",
        "HISTFILE=~/.zsh_history\nHISTSIZE=1000\nSAVEHIST=1000\nsetopt EXTENDED_HISTORY INC_APPEND_HISTORY\n\
         plugins=(git docker)\nPS1='%# '\nalias gp='git push'\n",
        0o644,
    );
    home.write_mode(".vimrc", "set number\nset expandtab\nset undofile\n", 0o644);
    home.write_mode(".tmux.conf", "set -g mouse on\nset -g history-limit 50000\n", 0o644);
    home.write_mode(".config/starship.toml", "[character]\nsuccess_symbol = \"[➜](bold green)\"\n", 0o644);
    home.write_mode(
        ".config/Code/User/settings.json",
        "{\n  // tabs\n  \"editor.tabSize\": 4,\n  \"files.autoSave\": \"onFocusChange\",\n  \"editor.tokenColorCustomizations\": {}\n}\n",
        0o644,
    );
    home.write_mode(
        ".config/systemd/user/backup.service",
        "[Service]\nExecStart=%h/bin/backup\nEnvironment=RESTIC_PASSWORD_FILE=%h/.config/restic/password\n",
        0o644,
    );
}

/// Tools that keep their credentials elsewhere, or have none.
fn tools(home: &Home) {
    home.write(
        ".npmrc",
        "//registry.npmjs.org/:_authToken=${NPM_TOKEN}\nsave-exact=true\nignore-scripts=true\nfund=false\n",
    );
    home.write(".docker/config.json", "{\n\t\"auths\": {\n\t\t\"https://index.docker.io/v1/\": {}\n\t},\n\t\"credsStore\": \"secretservice\",\n\t\"currentContext\": \"default\"\n}\n");
    home.write(
        ".config/gh/hosts.yml",
        "github.com:\n    git_protocol: ssh\n    users:\n        dev:\n    user: dev\n",
    );
    home.write_mode(
        ".config/gh/config.yml",
        "version: \"1\"\ngit_protocol: ssh\nprompt: enabled\naliases:\n    co: pr checkout\n",
        0o600,
    );
    home.write(".aws/config", "[default]\nregion = eu-central-1\n[profile work]\nsso_session = work\nsso_account_id = 210987654321\nsso_role_name = Developer\n[sso-session work]\nsso_start_url = https://work.awsapps.com/start\nsso_region = eu-central-1\nsso_registration_scopes = sso:account:access\n");
    home.write(".kube/config", "apiVersion: v1\nkind: Config\ncurrent-context: work\nclusters:\n- name: work\n  cluster:\n    server: https://k8s.company.test\nusers:\n- name: dev\n  user:\n    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: aws\n      args: [eks, get-token, --cluster-name, work]\n");
    home.write_mode(".cargo/config.toml", "[build]\njobs = 4\n[net]\ngit-fetch-with-cli = true\n[registry]\nglobal-credential-providers = [\"cargo:libsecret\"]\n", 0o644);
    home.write_mode(
        ".config/pip/pip.conf",
        "[global]\nrequire-virtualenv = true\nindex-url = https://pypi.company.test/simple\n",
        0o644,
    );
    home.write_mode(".m2/settings.xml", "<settings>\n  <servers><server><id>company</id><username>dev</username><password>${env.MAVEN_PASSWORD}</password></server></servers>\n</settings>\n", 0o644);
    home.write_mode(".gnupg/gpg.conf", "keyid-format 0xlong\nuse-agent\n", 0o600);
    home.write_mode(
        ".config/containers/policy.json",
        "{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}\n",
        0o644,
    );
}

/// Git as its users set it up, by git.
fn git(home: &Home) {
    let settings = [
        ("user.name", "Dev Eloper"),
        ("user.email", "dev@company.test"),
        ("user.signingkey", "~/.ssh/id_ed25519.pub"),
        ("gpg.format", "ssh"),
        ("commit.gpgsign", "true"),
        ("init.defaultBranch", "main"),
        ("core.pager", "delta"),
        ("core.editor", "nvim"),
        ("core.excludesFile", "~/.config/git/ignore"),
        ("core.fsmonitor", "true"),
        ("interactive.diffFilter", "delta --color-only"),
        ("pull.rebase", "true"),
        ("rerere.enabled", "true"),
        ("filter.lfs.clean", "git-lfs clean -- %f"),
        ("filter.lfs.smudge", "git-lfs smudge -- %f"),
        ("filter.lfs.process", "git-lfs filter-process"),
        ("filter.lfs.required", "true"),
        ("credential.https://github.com.helper", "!/usr/bin/gh auth git-credential"),
        ("credential.helper", "libsecret"),
        ("url.git@github.com:.insteadOf", "https://github.com/"),
        ("alias.lg", "log --oneline --graph --decorate"),
        ("alias.undo", "!git reset --soft HEAD~1"),
        ("includeIf.gitdir:~/work/.path", "~/.config/git/work.inc"),
    ];
    home.write_mode(".gitconfig", "", 0o644);
    for (key, value) in settings {
        home.must("git", ["config", "--global", "--add", key, value]);
    }
    home.write_mode(".config/git/ignore", ".env\n.DS_Store\n*.swp\n.direnv/\n", 0o644);
    home.write_mode(".config/git/work.inc", "[user]\n\temail = dev@work.company.test\n", 0o644);
}

/// A repository with history, dependencies and build results.
fn repository(home: &Home) {
    let at = "src/shop";
    let file = |path: &str, text: &str| drop(home.write_mode(&format!("{at}/{path}"), text, 0o644));
    file(
        "README.md",
        "# Shop\n\nSet `API_TOKEN` and run `make`. To try: `curl -H \"Authorization: Bearer $API_TOKEN\" https://api.company.test`.\n",
    );
    file(
        ".env.example",
        "PORT=8080\nDATABASE_URL=postgres://user:password@localhost:5432/shop\nAPI_TOKEN=your-token-here\nSECRET_KEY=changeme\n",
    );
    file(".gitignore", ".env\nnode_modules/\ntarget/\n");
    file(
        "src/main.rs",
        "fn main() {\n    let token = std::env::var(\"API_TOKEN\").expect(\"API_TOKEN\");\n    let password = prompt(\"Password: \");\n    serve(&token, &password);\n}\n",
    );
    file(
        "src/auth.ts",
        "export async function login(password: string): Promise<string> {\n  const token = await exchange({ password, grant_type: 'password' });\n  return token.access_token;\n}\n",
    );
    file(
        "app.py",
        "import os\n\nSECRET_KEY = os.environ['SECRET_KEY']\nPASSWORD_HASHERS = ['django.contrib.auth.hashers.Argon2PasswordHasher']\n",
    );
    let integrity = |n: u32| secret("sha512-{{base64:86}}==", &format!("integrity {n}"));
    let packages: String = (0..20)
        .map(|n| format!("    \"node_modules/p{n}\": {{\"version\": \"1.0.{n}\", \"resolved\": \"https://registry.npmjs.org/p{n}/-/p{n}-1.0.{n}.tgz\", \"integrity\": \"{}\"}},\n", integrity(n)))
        .collect();
    file(
        "package-lock.json",
        &format!("{{\n  \"lockfileVersion\": 3,\n  \"packages\": {{\n{packages}    \"\": {{}}\n  }}\n}}\n"),
    );
    let crates: String = (0..20)
        .map(|n| format!("[[package]]\nname = \"c{n}\"\nversion = \"0.{n}.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{}\"\n\n", secret("{{hex:64}}", &format!("crate {n}"))))
        .collect();
    file("Cargo.lock", &format!("version = 4\n\n{crates}"));
    file("go.sum", &format!("golang.org/x/net v0.30.0 h1:{}=\n", secret("{{base64:43}}", "go")));
    file("node_modules/left-pad/index.js", "module.exports = function leftPad() {}\n");
    file("node_modules/left-pad/test/key.txt", &secret("{{pem:openssh}}\n", "vendored"));
    file(
        "docker-compose.yml",
        "services:\n  db:\n    image: postgres:17\n    environment:\n      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?}\n  app:\n    env_file: .env\n",
    );
    file(
        ".github/workflows/ci.yml",
        "on: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683\n        with:\n          token: ${{ secrets.GITHUB_TOKEN }}\n",
    );
    file(
        "k8s/secret.yaml",
        "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata:\n  name: shop\nspec:\n  secretStoreRef:\n    name: vault\n  data:\n  - secretKey: token\n    remoteRef:\n      key: shop/token\n",
    );
    for args in [
        &["init", "-q", "-b", "main"][..],
        &["-c", "commit.gpgsign=false", "-c", "core.fsmonitor=false", "add", "-A"],
        &["-c", "commit.gpgsign=false", "-c", "core.fsmonitor=false", "commit", "-qm", "Begin"],
        &["remote", "add", "origin", "git@github.com:company/shop.git"],
    ] {
        home.must("git", [&["-C", at], args].concat());
    }
    // What an untracked `.env` holds at a developer's desk.
    file(".env", "PORT=8080\nDATABASE_URL=postgres://localhost/shop\nLOG_LEVEL=debug\n");
}

/// Keys with passphrases, by the programs that make them, and an ordinary client configuration.
fn ssh(home: &Home) {
    directories(&home.path(".ssh"), 0o700);
    let new = |args: &[&str], file: &str| {
        home.must(
            "ssh-keygen",
            [&["-q", "-a", "4", "-N", "a good passphrase"], args, &["-f", file]].concat(),
        );
    };
    new(&["-t", "ed25519"], ".ssh/id_ed25519");
    new(&["-t", "rsa", "-b", "3072"], ".ssh/old_rsa");
    new(&["-t", "ecdsa", "-m", "PKCS8"], ".ssh/legacy.pem");
    home.write(".ssh/passphrase", "a good passphrase\n");
    let putty =
        ["-t", "ed25519", "-q", "--random-device", "/dev/urandom", "--new-passphrase", ".ssh/passphrase"];
    home.must("puttygen", [&putty[..], &["-o", ".ssh/win.ppk"]].concat());
    set_mode(&home.path(".ssh/win.ppk"), 0o600);
    std::fs::remove_file(home.path(".ssh/passphrase")).unwrap();
    home.write(".ssh/config", "Include config.d/*\n\nHost bastion\n  HostName bastion.company.test\n  User dev\n\nHost *.internal\n  ProxyJump bastion\n  IdentityFile ~/.ssh/id_ed25519\n  IdentitiesOnly yes\n\nHost *\n  AddKeysToAgent yes\n  HashKnownHosts yes\n  ServerAliveInterval 60\n  ControlMaster auto\n  ControlPath ~/.ssh/cm-%C\n  ControlPersist 10m\n");
    home.write(
        ".ssh/config.d/lab",
        "Host lab\n  HostName lab.company.test\n  StrictHostKeyChecking accept-new\n",
    );
    let host = String::from_utf8(home.read(".ssh/id_ed25519.pub")).unwrap();
    let host = host.split(' ').take(2).collect::<Vec<_>>().join(" ");
    home.write(".ssh/known_hosts", format!("lab.company.test {host}\n[bastion.company.test]:2222 {host}\n"));
    home.must("ssh-keygen", ["-q", "-H", "-f", ".ssh/known_hosts"]);
    home.append(".ssh/known_hosts", &format!("github.com {host}\n"));
}

/// An ordinary day in three shells.
fn histories(home: &Home) {
    let day = [
        "cd /tmp && ls -la | head -3",
        "true git commit -m 'rotate the api token' && true git push",
        "true docker run --rm -e POSTGRES_PASSWORD=\"$PGPASSWORD\" postgres:17",
        "true curl -H \"Authorization: Bearer $TOKEN\" https://api.company.test/v1/items",
        "true ssh -p 2222 dev@bastion.company.test",
        "true mysql -u root -p shop",
        "echo 'größe → ключ'",
        "true git checkout 11bd71901bbe5b1630ceea73d27597364c9af683",
        "true sha256sum -c <<< \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  x\"",
    ];
    for (line, done) in [
        (&["bash", "--norc", "-i"][..], "echo d$((1+1))ne"),
        (&["zsh", "-i"], "echo d$((1+1))ne"),
        (&["fish", "-i"], "echo d(math 1+1)ne"),
    ] {
        let shell = Shell::start(home, line, &[]);
        // Here-strings are not fish.
        for command in day.iter().filter(|c| line[0] != "fish" || !c.contains("<<<")) {
            shell.type_line(command);
        }
        shell.type_line(done).wait("d2ne");
        shell.exit();
    }
    home.write(".python_history", "import os\nos.environ['HOME']\nprint('hello')\n");
    home.write(".psql_history", "\\d users\nselect count(*) from users;\n");
    home.write(".lesshst", ".less-history-file:\n.search\n\"token\n");
}

#[test]
fn a_well_kept_home_yields_nothing() {
    let home = Home::new();
    dotfiles(&home);
    tools(&home);
    git(&home);
    ssh(&home);
    repository(&home);
    histories(&home);
    for file in [".bash_history", ".zsh_history", ".local/share/fish/fish_history"] {
        assert!(home.read(file).len() > 300, "{file} was written");
    }
    // Twice: the second time most of it is known.
    for _ in 0..2 {
        let run = home.doctor();
        let doc = run.document(0);
        assert_eq!(doc.findings().len(), 0, "{:#}", doc.0);
        assert!(doc.complete(), "{:#}", doc.0["coverage"]);
        // There is a key in what the package manager has fetched: left out, and said so.
        assert_eq!(doc.gap("vendored").unwrap()["count"], 1, "{:#}", doc.0["coverage"]);
        assert!(doc.count("files") > 40, "{:#}", doc.0["summary"]);
    }
    let text = home.run(&["doctor"]);
    assert!(text.code == 0 && text.stdout().starts_with("Nothing found in "), "{}", text.both());
}

#[test]
fn an_empty_home_yields_nothing() {
    let home = Home::new();
    let doc = home.doctor().document(0);
    assert!(doc.findings().is_empty() && doc.complete(), "{:#}", doc.0);
    assert_eq!(doc.0["coverage"].as_array().unwrap().len(), 0);
    assert_eq!(home.run(&["list"]).code, 0);
}
