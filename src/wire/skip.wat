;; Skips one JSON value (RFC 8259), sixteen bytes of a string at a time. The source of skip-bytes.ts: `npm run wasm`
;; makes that file again, and a test compares the two.
;;
;; The caller shows the document through a window of this memory, piece by piece, and calls `skip` for the first
;; piece and `more` for each further one. The answer is
;;    n >= 0   the value is whole and ends before the byte at n;
;;    n < 0    not seen to its end: all before the byte at -1 - n is understood, and the next piece starts there.
;; It makes no difference here whether a document is cut off, wrong, or too deep: the reading stops before the first
;; byte that it cannot understand. When a whole window brings it no further, scan.ts reads the value and says why.
;;
;; What keeps every read inside the piece: the sixteen bytes behind it are zero, and a zero is part of no token, so
;; nothing gets past the end. What ends exactly there (a number, perhaps half of one) waits for the next piece.
(module
  ;; One page, never more: 0 classes of bytes, 256 the stack, 1024 the window, then sixteen bytes for the zeros.
  (memory (export "memory") 1 1)
  (global (export "window") i32 (i32.const 1024))
  (global (export "capacity") i32 (i32.const 32768))
  ;; Levels that the stack has room for: one byte each, 1 for an object and 0 for an array.
  (global (export "stack") i32 (i32.const 768))

  ;; Bit 0: letter of a two-byte escape. Bit 1: hexadecimal digit.
  (data (i32.const 0x22) "\01")                         ;; "
  (data (i32.const 0x2f) "\01")                         ;; /
  (data (i32.const 0x30) "\02\02\02\02\02\02\02\02\02\02") ;; 0 to 9
  (data (i32.const 0x41) "\02\02\02\02\02\02")          ;; A to F
  (data (i32.const 0x5c) "\01")                         ;; \
  (data (i32.const 0x61) "\02\03\02\02\02\03")          ;; a to f; \b and \f are escapes
  (data (i32.const 0x6e) "\01")                         ;; n
  (data (i32.const 0x72) "\01\00\01")                   ;; r, t

  ;; Where the reading stopped, for `more`. The states are numbered by the br_table below.
  (global $state (mut i32) (i32.const 0))
  (global $depth (mut i32) (i32.const 0))
  (global $object (mut i32) (i32.const 0))
  (global $levels (mut i32) (i32.const 0))

  ;; The first byte that is no digit.
  (func $digits (param $at i32) (result i32)
    (loop $digit
      (if (i32.lt_u (i32.sub (i32.load8_u (local.get $at)) (i32.const 0x30)) (i32.const 10))
        (then
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $digit))))
    (local.get $at))

  ;; One past the number at $from; $from when none is there.
  (func $number (param $from i32) (result i32)
    (local $at i32) (local $first i32) (local $byte i32)
    (local.set $first
      (i32.add (local.get $from) (i32.eq (i32.load8_u (local.get $from)) (i32.const 0x2d)))) ;; -
    (if (i32.eq (i32.load8_u (local.get $first)) (i32.const 0x30)) ;; 0
      (then (local.set $at (i32.add (local.get $first) (i32.const 1))))
      (else
        (local.set $at (call $digits (local.get $first)))
        (if (i32.eq (local.get $at) (local.get $first)) (then (return (local.get $from))))))
    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 0x2e)) ;; .
      (then
        (local.set $first (i32.add (local.get $at) (i32.const 1)))
        (local.set $at (call $digits (local.get $first)))
        (if (i32.eq (local.get $at) (local.get $first)) (then (return (local.get $from))))))
    (if (i32.eq (i32.or (i32.load8_u (local.get $at)) (i32.const 0x20)) (i32.const 0x65)) ;; e E
      (then
        (local.set $byte (i32.load8_u offset=1 (local.get $at)))
        (local.set $first (i32.add (local.get $at) (i32.const 1)))
        (if (i32.or (i32.eq (local.get $byte) (i32.const 0x2b)) (i32.eq (local.get $byte) (i32.const 0x2d))) ;; + -
          (then (local.set $first (i32.add (local.get $at) (i32.const 2)))))
        (local.set $at (call $digits (local.get $first)))
        (if (i32.eq (local.get $at) (local.get $first)) (then (return (local.get $from))))))
    (local.get $at))

  ;; One past the word at $from; $from when none is there. Four bytes at a time, which read backwards.
  (func $word (param $from i32) (result i32)
    (local $four i32)
    (local.set $four (i32.load align=1 (local.get $from)))
    (if (i32.or
          (i32.eq (local.get $four) (i32.const 0x65757274))  ;; true
          (i32.eq (local.get $four) (i32.const 0x6c6c756e))) ;; null
      (then (return (i32.add (local.get $from) (i32.const 4)))))
    (if (i32.and
          (i32.eq (local.get $four) (i32.const 0x736c6166))  ;; fals
          (i32.eq (i32.load8_u offset=4 (local.get $from)) (i32.const 0x65)))
      (then (return (i32.add (local.get $from) (i32.const 5)))))
    (local.get $from))

  ;; From inside a string: the quote that closes it, or the first byte that cannot be passed: a control character,
  ;; the backslash of an escape that is wrong or not all there, or the zeros.
  (func $string (param $at i32) (result i32)
    (local $block v128) (local $ends i32) (local $bit i32) (local $found i32)
    (loop $plain (result i32)
      (local.set $block (v128.load align=1 (local.get $at)))
      ;; Bit n: the byte at $at + n may end the string.
      (local.set $ends
        (i8x16.bitmask
          (v128.or
            (i8x16.lt_u (local.get $block) (i8x16.splat (i32.const 0x20)))
            (v128.or
              (i8x16.eq (local.get $block) (i8x16.splat (i32.const 0x22)))     ;; "
              (i8x16.eq (local.get $block) (i8x16.splat (i32.const 0x5c))))))) ;; \
      (if (i32.eqz (local.get $ends))
        (then
          (local.set $at (i32.add (local.get $at) (i32.const 16)))
          (br $plain)))
      (loop $end
        (local.set $bit (i32.ctz (local.get $ends)))
        (local.set $found (i32.add (local.get $at) (local.get $bit)))
        (if (i32.ne (i32.load8_u (local.get $found)) (i32.const 0x5c)) ;; \
          (then (return (local.get $found))))
        (if (i32.eqz (i32.and (i32.load8_u (i32.load8_u offset=1 (local.get $found))) (i32.const 1)))
          (then
            (if (i32.eqz (call $unicode (local.get $found))) (then (return (local.get $found))))
            ;; Letters beyond ASCII that a client escapes come in rows.
            (loop $row
              (local.set $found (i32.add (local.get $found) (i32.const 6)))
              (br_if $row (call $unicode (local.get $found))))
            (local.set $at (local.get $found))
            (br $plain)))
        ;; An escape of two bytes ends nothing: neither the backslash nor the letter, which may be a quote.
        (local.set $ends
          (i32.and (local.get $ends) (i32.xor (i32.shl (i32.const 3) (local.get $bit)) (i32.const -1))))
        (br_if $end (local.get $ends)))
      ;; A step of its own for the letter in the next sixteen bytes: added to the sixteen it would tie every step to the
      ;; search before it, where a branch lets the processor run ahead. Twice as fast on prose full of \n and \".
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (if (i32.eq (local.get $bit) (i32.const 15))
        (then (local.set $at (i32.add (local.get $at) (i32.const 1)))))
      (br $plain)))

  ;; Not zero when \u and four hexadecimal digits are at $at.
  (func $unicode (param $at i32) (result i32)
    (i32.and
      (i32.shl (i32.eq (i32.load16_u align=1 (local.get $at)) (i32.const 0x755c)) (i32.const 1)) ;; \u
      (i32.and
        (i32.and
          (i32.load8_u (i32.load8_u offset=2 (local.get $at)))
          (i32.load8_u (i32.load8_u offset=3 (local.get $at))))
        (i32.and
          (i32.load8_u (i32.load8_u offset=4 (local.get $at)))
          (i32.load8_u (i32.load8_u offset=5 (local.get $at)))))))

  ;; Starts a value at $at, in a piece that ends at $end. A container deeper than $levels is not understood.
  (func (export "skip") (param $at i32) (param $end i32) (param $levels i32) (result i32)
    (global.set $state (i32.const 0))
    (global.set $depth (i32.const 0))
    (global.set $levels (local.get $levels))
    (call $go (local.get $at) (local.get $end)))

  ;; Goes on with the next piece.
  (func (export "more") (param $at i32) (param $end i32) (result i32)
    (call $go (local.get $at) (local.get $end)))

  (func $go (param $at i32) (param $end i32) (result i32)
    (local $state i32) (local $depth i32) (local $object i32) (local $byte i32) (local $next i32)
    (local.set $state (global.get $state))
    (local.set $depth (global.get $depth))
    (local.set $object (global.get $object))
    (v128.store align=1 (local.get $end) (v128.const i64x2 0 0))
    (block $stop
      ;; Here $at and $state always say how to go on: whatever does not fit leaves to $stop before it changes them.
      (loop $go
        (block $spaced
          (br_if $spaced (i32.ge_u (local.get $state) (i32.const 6))) ;; white space in a string is the string's
          (loop $space
            (local.set $byte (i32.load8_u (local.get $at)))
            (br_if $spaced (i32.gt_u (local.get $byte) (i32.const 0x20)))
            (br_if $stop
              (i32.eqz
                (i32.or
                  (i32.or
                    (i32.eq (local.get $byte) (i32.const 0x20))
                    (i32.eq (local.get $byte) (i32.const 0x0a)))
                  (i32.or
                    (i32.eq (local.get $byte) (i32.const 0x0d))
                    (i32.eq (local.get $byte) (i32.const 0x09))))))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br $space)))
        (block $whole
          (block $close
            (block $in-name
              (block $in-string
                (block $colon
                  (block $name
                    (block $first-name
                      (block $comma
                        (block $value
                          (block $first-value
                            (br_table $value $first-value $comma $first-name $name $colon $in-string $in-name
                              (local.get $state)))
                          ;; 1 first-value: after '['
                          (br_if $close (i32.eq (local.get $byte) (i32.const 0x5d)))) ;; ]
                        ;; 0 value: a value and nothing else
                        (if (i32.eq (local.get $byte) (i32.const 0x22)) ;; "
                          (then
                            (local.set $at (i32.add (local.get $at) (i32.const 1)))
                            (local.set $state (i32.const 6))
                            (br $in-string)))
                        (if (i32.eq (i32.or (local.get $byte) (i32.const 0x20)) (i32.const 0x7b)) ;; [ {
                          (then
                            (br_if $stop (i32.ge_u (local.get $depth) (global.get $levels)))
                            (i32.store8 offset=256 (local.get $depth) (local.get $object))
                            (local.set $depth (i32.add (local.get $depth) (i32.const 1)))
                            (local.set $object (i32.eq (local.get $byte) (i32.const 0x7b)))
                            (local.set $state (select (i32.const 3) (i32.const 1) (local.get $object)))
                            (local.set $at (i32.add (local.get $at) (i32.const 1)))
                            (br $go)))
                        (local.set $next (call $number (local.get $at)))
                        (if (i32.eq (local.get $next) (local.get $at))
                          (then (local.set $next (call $word (local.get $at)))))
                        (br_if $stop (i32.eq (local.get $next) (local.get $at)))
                        (br_if $stop (i32.ge_u (local.get $next) (local.get $end)))
                        (local.set $at (local.get $next))
                        (br $whole))
                      ;; 2 comma: after a value inside a container
                      (if (i32.eq (local.get $byte) (i32.const 0x2c)) ;; ,
                        (then
                          (local.set $at (i32.add (local.get $at) (i32.const 1)))
                          (local.set $state (select (i32.const 4) (i32.const 0) (local.get $object)))
                          (br $go)))
                      (br_if $stop
                        (i32.ne (local.get $byte) (select (i32.const 0x7d) (i32.const 0x5d) (local.get $object)))) ;; } ]
                      (br $close))
                    ;; 3 first-name: after '{'
                    (br_if $close (i32.eq (local.get $byte) (i32.const 0x7d)))) ;; }
                  ;; 4 name: a name and nothing else
                  (br_if $stop (i32.ne (local.get $byte) (i32.const 0x22))) ;; "
                  (local.set $at (i32.add (local.get $at) (i32.const 1)))
                  (local.set $state (i32.const 7))
                  (br $in-name))
                ;; 5 colon: after a name
                (br_if $stop (i32.ne (local.get $byte) (i32.const 0x3a))) ;; :
                (local.set $at (i32.add (local.get $at) (i32.const 1)))
                (local.set $state (i32.const 0))
                (br $go))
              ;; 6 in-string: inside a string that is a value
              (local.set $at (call $string (local.get $at)))
              (br_if $stop (i32.ne (i32.load8_u (local.get $at)) (i32.const 0x22))) ;; "
              (local.set $at (i32.add (local.get $at) (i32.const 1)))
              (br $whole))
            ;; 7 in-name: inside a name
            (local.set $at (call $string (local.get $at)))
            (br_if $stop (i32.ne (i32.load8_u (local.get $at)) (i32.const 0x22))) ;; "
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (local.set $state (i32.const 5))
            (br $go))
          ;; close: the bracket that ends the innermost container
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (local.set $depth (i32.sub (local.get $depth) (i32.const 1)))
          (local.set $object (i32.load8_u offset=256 (local.get $depth))))
        ;; whole: a value ends before $at
        (local.set $state (i32.const 2))
        (br_if $go (local.get $depth))
        (return (local.get $at))))
    (global.set $state (local.get $state))
    (global.set $depth (local.get $depth))
    (global.set $object (local.get $object))
    (i32.sub (i32.const -1) (local.get $at)))
)
