#!/usr/bin/env bash
# What one analysing pass of the picture costs beside decoding the clip once to nothing.
#
#   benches/decode.sh [CLIP] [ROUNDS]
#
# Without a clip, a minute of moving 1080p H.264 with sound is made (a test pattern over noise, about 8 Mbit/s). The two
# commands are run in turn, ROUNDS times (3); medians of wall-clock and of processor seconds are printed. Needs ffmpeg
# 5.1 or newer and nothing else; run it on an idle machine.
set -euo pipefail
clip=${1:-}
rounds=${2:-3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -z "$clip" ]; then
    clip=$work/clip.mp4
    echo "making a clip of a minute" >&2
    ffmpeg -v error -nostdin -y -f lavfi -i "testsrc2=s=1920x1080:r=30:d=60,noise=alls=8:allf=t" \
        -f lavfi -i "sine=330:d=60" -c:v libx264 -preset veryfast -b:v 8M -pix_fmt yuv420p -c:a aac -shortest "$clip"
fi

null() { ffmpeg -v error -nostdin -i "$clip" -f null -; }

# The command that decode_frames starts for 1080p (crates/media/src/decode.rs).
analyse() {
    ffmpeg -v error -nostdin -noautorotate -skip_loop_filter all -copyts -protocol_whitelist file,pipe \
        -an -sn -dn -i "file:$clip" -map 0:v:0 \
        -vf "field=top,scale=256:144:flags=area:out_range=tv,format=yuv420p" -fps_mode passthrough -enc_time_base -1 \
        -c:v rawvideo -threads 1 -f nut -write_index 0 pipe:1 >/dev/null
}

TIMEFORMAT='%R %U %S'
for ((round = 0; round < rounds; round++)); do
    for way in null analyse; do
        { time "$way"; } 2>>"$work/$way"
    done
done

median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
for way in null analyse; do
    wall=$(awk '{ print $1 }' "$work/$way" | median)
    cpu=$(awk '{ print $2 + $3 }' "$work/$way" | median)
    echo "$way: $wall s wall clock, $cpu s of processor"
    declare "wall_$way=$wall" "cpu_$way=$cpu"
done
awk -v a="$wall_analyse" -v b="$wall_null" -v c="$cpu_analyse" -v d="$cpu_null" \
    'BEGIN { printf "analyse / null: %.2f wall clock, %.2f processor\n", a / b, c / d }'
