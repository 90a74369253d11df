//! Uploads that mean no good.

use crate::desk::{Desk, clip};
use crate::wire::{Part, abandon, ask, form};

/// Pseudo-random numbers from a seed, so that a failure can be seen again (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// An archive whose one entry claims to unpack to four gigabytes.
fn zip_bomb() -> Vec<u8> {
    let mut bytes = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0".to_vec();
    bytes.extend([0x40, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 4, 0, 0, 0]);
    bytes.extend(b"bomb");
    bytes.extend([0; 64]);
    bytes
}

/// A PNG of 60,000 × 60,000 pixels in a hundred bytes.
fn picture_bomb() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend(60_000u32.to_be_bytes());
    bytes.extend(60_000u32.to_be_bytes());
    bytes.extend([8, 6, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([0; 40]);
    bytes
}

#[test]
fn an_upload_brings_the_server_down_or_stays_on_the_disk() {
    besiege(50);
}

#[test]
#[ignore = "takes a minute or two; make test-all"]
fn one_of_five_hundred_uploads_brings_the_server_down_or_stays_on_the_disk() {
    besiege(500);
}

fn besiege(uploads: u32) {
    let desk = Desk::new();
    let server = desk.serve(&[
        "--limit-rate",
        "100000",
        "--limit-jobs",
        "100000",
        "--stray",
        "0.001",
        "--keep",
        "1",
    ]);
    let mut numbers = Numbers(7);
    let names = [
        "../../../../etc/cron.d/evil",
        "..\\..\\windows\\evil.exe",
        "/etc/passwd",
        "a\u{0}b.mp4",
        "con.mp4",
        "-rf.mp4",
        "$(reboot).mp4",
        "<script>alert(1)</script>.mp4",
        "%2e%2e%2fevil.mp4",
        "x.mp4;rm -rf ~",
    ];
    let mut taken = Vec::new();
    for number in 0..uploads {
        let clip = clip();
        let bytes = match number % 10 {
            // Cut short.
            0 => clip[..1 + numbers.below(clip.len() - 1)].to_vec(),
            // Bits turned, all over.
            1 => {
                let mut bytes = clip.to_vec();
                for _ in 0..200 {
                    let at = numbers.below(bytes.len());
                    bytes[at] ^= 1 << numbers.below(8);
                }
                bytes
            }
            2 => b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n".to_vec(),
            3 => b"ffconcat version 1.0\nfile '/etc/passwd'\n".to_vec(),
            4 => zip_bomb(),
            5 => picture_bomb(),
            // A film's first bytes and noise.
            6 => {
                let mut bytes = clip[..64].to_vec();
                bytes.extend((0..4096).map(|_| numbers.next() as u8));
                bytes
            }
            7 => (0..2048).map(|_| numbers.next() as u8).collect(),
            8 => b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>".to_vec(),
            _ => vec![0; 4096],
        };
        let name = names[numbers.below(names.len())];
        if number % 25 == 24 {
            let (content_type, body) = form(&[Part::File("file", name, clip)]);
            abandon(server.address, &body[..body.len() / 2], &content_type);
            continue;
        }
        let kind = ["watch", "score", "evaluate"][numbers.below(3)];
        let answer = server.post(&[Part::File("file", name, &bytes), Part::Text("kind", kind)]);
        assert!(
            matches!(answer.status, 201 | 400 | 415 | 422),
            "{number}: {} {}",
            answer.status,
            answer.text()
        );
        if answer.status == 201 {
            taken.push(answer.json()["id"].as_str().expect("a name").to_owned());
        }
    }
    // Broken heads of the protocol itself.
    for (method, path, headers) in [
        ("POST", "/api/v1/jobs", vec![("Content-Type", "multipart/form-data")]),
        (
            "POST",
            "/api/v1/jobs",
            vec![("Content-Type", "multipart/form-data; boundary=\"")],
        ),
        ("POST", "/api/v1/jobs", vec![("Content-Type", "text/plain")]),
        ("GET", "/api/v1/jobs/../../etc/passwd", vec![]),
        ("GET", "/api/v1/jobs/%2e%2e%2f%2e%2e/artefacts/%2fetc%2fpasswd", vec![]),
    ] {
        let answer = ask(server.address, method, path, &headers, b"x");
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.status);
        assert!(!answer.text().contains("root:"), "{path}");
    }
    for id in &taken {
        let view = server.until(id, 300, |view| {
            !matches!(view["status"].as_str(), Some("queued" | "running"))
        });
        let told = view["error"].to_string();
        assert!(!told.contains(desk.dir.path().to_str().expect("a path")), "{told}");
        server.delete(&format!("/api/v1/jobs/{id}"));
    }
    assert_eq!(server.get("/healthz").status, 200);
    // What was refused never came in, what failed is gone, and so is what was forgotten.
    let began = std::time::Instant::now();
    while desk.objects() + desk.left_over().len() > 0 {
        assert!(
            began.elapsed().as_secs() < 30,
            "{} objects, {:?}",
            desk.objects(),
            desk.left_over()
        );
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    for place in ["evil", "evil.exe", "passwd"] {
        assert!(!desk.dir.path().join(place).exists() && !desk.data().join(place).exists());
    }
    // And it still works.
    let id = server.job(&[Part::File("file", "good.mp4", clip()), Part::Text("kind", "watch")]);
    server.done(&id);
}
