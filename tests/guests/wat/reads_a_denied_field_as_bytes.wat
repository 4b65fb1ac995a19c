;; Reads the segment that the patient's name is in, as bytes.
(data (i32.const 1024) "PID")
(func $misbehave (param $exchange i32) (result i32)
    (call $get_raw (call $message (local.get $exchange)) (i32.const 1024) (i32.const 3) (i32.const 64))
    unreachable)
