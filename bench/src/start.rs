//! How soon a host with a long history listens, and how little it needs while nobody is there.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::commit::furnish;
use crate::server::{Runtime, Server};
use crate::store::fill;

/// Starts measured.
const ROUNDS: usize = 11;

/// What it came to.
pub(crate) struct Cost {
    /// Milliseconds from exec to the line that says where it listens: the median, the least.
    pub(crate) wall: (f64, f64),
    /// CPU milliseconds up to then, the median.
    pub(crate) cpu: f64,
    /// Resident MiB a second later, the median.
    pub(crate) memory: f64,
}

/// Fills a host with `messages`, or takes the one that was filled before, then starts it again and again.
///
/// # Errors
/// When the host does not start.
pub(crate) async fn measure(binary: &Path, messages: u64, runtime: Runtime) -> Result<Cost> {
    let data = furnished(binary, messages).await?;
    let (mut wall, mut cpu, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let server = Server::hearth(binary, &data, runtime)?;
        wall.push(began.elapsed().as_secs_f64() * 1e3);
        cpu.push(server.cpu()?.as_secs_f64() * 1e3);
        tokio::time::sleep(Duration::from_secs(1)).await;
        memory.push(server.memory()? as f64 / 1024.0);
        server.stop()?;
    }
    let least = wall.iter().copied().fold(f64::INFINITY, f64::min);
    Ok(Cost { wall: (median(wall), least), cpu: median(cpu), memory: median(memory) })
}

/// A host with `messages` in its history, beside this program: filling one takes longer than measuring it. One whose
/// tables are others is made anew.
async fn furnished(binary: &Path, messages: u64) -> Result<PathBuf> {
    let program = std::env::current_exe().context("find this program")?;
    let mut tables = DefaultHasher::new();
    fill::TABLES.hash(&mut tables);
    let folder = program.with_file_name(format!("bench-host-{messages}-{:016x}", tables.finish()));
    let whole = folder.join("whole");
    if !whole.exists() {
        if folder.exists() {
            fs::remove_dir_all(&folder).context("remove what was filled in part")?;
        }
        furnish(binary, &folder.join("data"), messages).await?;
        fs::write(&whole, [])?;
    }
    Ok(folder.join("data"))
}

/// Milliseconds until the floor listens: what starting any process costs here, the median.
///
/// # Errors
/// When it does not start.
pub(crate) fn floor() -> Result<f64> {
    let mut wall = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let server = Server::floor(false, 1)?;
        wall.push(began.elapsed().as_secs_f64() * 1e3);
        drop(server);
    }
    Ok(median(wall))
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
