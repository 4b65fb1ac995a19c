;; Makes a message of its own with another patient in it, and forwards that.
(data (i32.const 1024) "MSH|^~\\&|LAB|SZENT_IMRE|||20261123||ORU^R01|42|P|2.5.1\0dPID|1||1||PROBABETEG\0d")
(func $misbehave (param $exchange i32) (result i32)
    (call $parse (i32.const 1024) (i32.const 76) (i32.const 64))
    (if (i32.load8_u (i32.const 64)) (then (return (call $ok))))
    (call $forward (local.get $exchange) (i32.load (i32.const 72)) (i32.const 0) (i32.const 0))
    unreachable)
