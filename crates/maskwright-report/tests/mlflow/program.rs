//! MLflow's own server, where its program is there.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Names the program where it is not on the path.
const PROGRAM: &str = "MASKWRIGHT_MLFLOW";

/// A server with an empty store, which goes with the test.
pub(crate) struct MlflowProgram {
    address: String,
    process: Child,
    _store: tempfile::TempDir,
}

impl MlflowProgram {
    /// Starts the server; `None`, with a line, where there is no program.
    pub(crate) fn start() -> Option<Self> {
        let named = std::env::var(PROGRAM).ok();
        let program = named.clone().unwrap_or_else(|| "mlflow".into());
        let version = Command::new(&program).arg("--version").output();
        if !version.is_ok_and(|output| output.status.success()) {
            assert!(named.is_none(), "{PROGRAM}: {program} does not start");
            eprintln!("left out: the test with MLflow's own server, since mlflow is not installed");
            return None;
        }
        let store = tempfile::tempdir().expect("a folder");
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr();
        let port = port.expect("an address").port();
        let mut command = Command::new(&program);
        command
            .args(["server", "--host", "127.0.0.1", "--workers", "1", "--port", &port.to_string()])
            .args(["--backend-store-uri", "sqlite:///runs.db"])
            .current_dir(store.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // It starts processes of its own, which end with it as a group.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let process = command.spawn().expect("it started before");
        let address = format!("http://127.0.0.1:{port}");
        let mut server = Self { address, process, _store: store };
        server.wait();
        Some(server)
    }

    fn wait(&mut self) {
        let begun = Instant::now();
        let health = format!("{}/health", self.address);
        while ureq::get(&health).call().is_err() {
            let ended = self.process.try_wait().expect("its state");
            assert!(ended.is_none(), "mlflow server ended: {ended:?}");
            assert!(begun.elapsed() < Duration::from_secs(180), "mlflow server does not answer");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Asks the server.
    pub(crate) fn get(&self, call: &str) -> Value {
        let answer = ureq::get(format!("{}/api/2.0/mlflow/{call}", self.address)).call();
        answer.expect("an answer").body_mut().read_json().expect("JSON")
    }
}

impl Drop for MlflowProgram {
    fn drop(&mut self) {
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
