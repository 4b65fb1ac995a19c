;; Reports a panic, as the SDKs do. The text holds what must reach no log; the location holds what must reach it in
;; printable form only.
(data (i32.const 1024) "panic")
(data (i32.const 1040) "src/lib.rs:12:5\0a")
(data (i32.const 1064) "PROBABETEG")
(func $misbehave (param $exchange i32) (result i32)
    (call $raise
        (i32.const 1024) (i32.const 5)
        (i32.const 1040) (i32.const 16)
        (i32.const 1064) (i32.const 10))
    unreachable)
