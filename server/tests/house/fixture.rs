//! A house for tests: the real binary with a folder and ports of its own, and a sample shop beside it.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A server with a folder and ports of its own. Dropped, it is killed and its folder removed.
///
/// There is one at a time: two would take the cores from each other and be slow for no fault of theirs.
pub(crate) struct TestHouse {
    pub(crate) folder: PathBuf,
    pub(crate) sip: SocketAddr,
    pub(crate) http: SocketAddr,
    child: Option<Child>,
    _alone: Option<MutexGuard<'static, ()>>,
}

impl TestHouse {
    /// Starts a server with `more` appended to its configuration, and waits until it is ready.
    pub(crate) fn start(name: &str, more: &str) -> Self {
        let mut house = Self::prepare(name, more);
        house.launch();
        house
    }

    /// Writes the folder and configuration without starting the server.
    pub(crate) fn prepare(name: &str, more: &str) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        Self::furnish(name, more, Some(TURN.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Starts another server while this one is there, as a part of the same test.
    pub(crate) fn beside(&self, name: &str, more: &str) -> Self {
        let mut house = Self::furnish(name, more, None);
        house.launch();
        house
    }

    fn furnish(name: &str, more: &str, alone: Option<MutexGuard<'static, ()>>) -> Self {
        let folder = std::env::temp_dir().join(format!("hotline-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the test");
        let (sip, http) = (free_udp_and_tcp(), free_tcp());
        let flows = repository().join("flows");
        let media = 40_000 + (u32::from(sip.port()) % 1_000) * 20;
        // Whoever needs Mandarin says so: its voice takes memory, and time to render the prompts.
        let speech = if more.contains("[speech]") { "" } else { "[speech]\nlanguages = [\"en\"]\n" };
        let config = format!(
            "[sip]\nudp = \"{sip}\"\ntcp = \"{sip}\"\ncalls_max = 250\n[http]\nlisten = \"{http}\"\n[data]\nfolder = \
             \"data\"\n[media]\nports = \"{media}-{}\"\n[dialog]\nflows = {:?}\n{speech}{more}\n",
            media + 998,
            flows
        );
        std::fs::write(folder.join("hotline.toml"), config).expect("a configuration");
        Self { folder, sip, http, child: None, _alone: alone }
    }

    /// Starts the server in its folder, and waits until it is ready.
    pub(crate) fn launch(&mut self) {
        self.launch_with(&[]);
    }

    /// The same, where asking whether it is ready takes more arguments of curl, such as a token.
    pub(crate) fn launch_with(&mut self, curl: &[&str]) {
        let log = std::fs::File::create(self.folder.join("log.txt")).expect("a log");
        let child = hotline(&self.folder).arg("serve").stderr(log).stdout(Stdio::null()).spawn();
        self.child = Some(child.expect("the server starts"));
        let deadline = Instant::now() + READY_WAIT;
        while Instant::now() < deadline {
            if self.ask("/readyz", curl).is_some() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the server did not get ready:\n{}", self.log());
    }

    /// What the server logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log.txt")).unwrap_or_default()
    }

    /// Ends the server at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("the server was running");
            child.wait().expect("the server has ended");
        }
    }

    /// Tells the server to stop and waits until it has.
    pub(crate) fn stop_gently(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = child.id().to_string();
            assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill is there").success());
            assert!(child.wait().expect("the server has ended").success(), "{}", self.log());
        }
    }

    /// Asks for JSON; `None` unless the answer is a success.
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        let answer = self.ask(path, &[])?;
        Some(serde_json::from_slice(&answer).unwrap_or(Value::Null))
    }

    fn ask(&self, path: &str, curl: &[&str]) -> Option<Vec<u8>> {
        let url = format!("http://{}{path}", self.http);
        let mut command = Command::new("curl");
        let output = command.args(["-sf", "--max-time", "5", &url]).args(curl).output().expect("curl is installed");
        output.status.success().then_some(output.stdout)
    }

    /// Asks for text; empty unless the answer is a success.
    pub(crate) fn text(&self, path: &str) -> String {
        String::from_utf8_lossy(&self.ask(path, &[]).unwrap_or_default()).into_owned()
    }

    /// Waits until `path` answers something for which `wanted` holds.
    pub(crate) fn wait_for(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + ANSWER_WAIT;
        let mut last = Value::Null;
        while Instant::now() < deadline {
            if let Some(answer) = self.get(path) {
                if wanted(&answer) {
                    return answer;
                }
                last = answer;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{path} never answered as wanted; last: {last}\n{}", self.log());
    }

    /// The SIP address to call.
    pub(crate) fn uri(&self) -> String {
        format!("sip:hotline@{}", self.sip)
    }
}

impl Drop for TestHouse {
    fn drop(&mut self) {
        self.kill();
        // A folder that stays behind hurts nobody.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The binary, started in `folder`.
pub(crate) fn hotline(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotline"));
    command.current_dir(folder).env_remove("HOTLINE_CONFIG");
    command
}

/// Runs a command of the binary to its end.
pub(crate) fn run(folder: &Path, args: &[&str]) -> Output {
    hotline(folder).args(args).output().expect("the binary runs")
}

/// What a command wrote to both of its outputs.
pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Writes a file into a folder.
pub(crate) fn write(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.join(name);
    let mut file = std::fs::File::create(&path).expect("a file for the test");
    file.write_all(content).expect("room on the disk");
    path
}

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository is there")
}

/// A port that is free for UDP and for TCP.
pub(crate) fn free_udp_and_tcp() -> SocketAddr {
    for _ in 0..100 {
        let address = free_tcp();
        if UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no port is free for both UDP and TCP");
}

/// A port that is free for TCP.
pub(crate) fn free_tcp() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

/// Models load in about two seconds; a busy machine takes longer.
const READY_WAIT: Duration = Duration::from_secs(60);
/// How long an answer may take to become what is wanted.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
