. /tmp/audio/env.sh
B=${B:-/tmp/audio/bin/dev1}
D=/tmp/audio/keep; O=/tmp/audio/bad; mkdir -p $O
g() { # name expected args...
 n=$1; shift; rm -f $O/*.wav; 
 timeout 120 $B generate --ort-lib $SYNCHRESIS_ORT_LIB --cache-dir $O/cache -o $O/x.wav "$@" >$O/out 2>$O/err; rc=$?
 echo "== $n: rc $rc; files: $(ls $O/*.wav 2>/dev/null | xargs -n1 basename 2>/dev/null| tr '\n' ' ')$(stat -c %s $O/x.wav 2>/dev/null) | $(head -c 400 $O/err | tr '\n' '~')"
}
A2="--music audioldm2=$D/audioldm2"; A1="--music audioldm=$D/audioldm"
BIG=$(python3 -c "print('many words of rain '*2500)")
for A in "$A2" "$A1"; do
g "10000 words" $A --prompt "$BIG" --steps 2 --seconds 0.5
g "empty" $A --prompt "" --steps 2 --seconds 0.5
g "spaces" $A --prompt "   " --steps 2 --seconds 0.5
g "emoji" $A --prompt "🎹🐕👩‍👩‍👧" --steps 2 --seconds 0.5
g "chinese" $A --prompt "下雨的傍晚，钢琴" --steps 2 --seconds 0.5
g "0 s" $A --prompt rain --steps 2 --seconds 0
g "-1 s" $A --prompt rain --steps 2 --seconds=-1
g "nan s" $A --prompt rain --steps 2 --seconds nan
g "0.1 s" $A --prompt rain --steps 2 --seconds 0.1
g "0.001 s" $A --prompt rain --steps 2 --seconds 0.001
g "3600 s" $A --prompt rain --steps 2 --seconds 3600
g "0 steps" $A --prompt rain --steps 0 --seconds 0.5
g "1 step" $A --prompt rain --steps 1 --seconds 0.5
g "1000 steps+" $A --prompt rain --steps 1001 --seconds 0.5
g "guidance 0" $A --prompt rain --steps 2 --seconds 0.5 --guidance 0
g "guidance 1" $A --prompt rain --steps 2 --seconds 0.5 --guidance 1
g "guidance 100" $A --prompt rain --steps 2 --seconds 0.5 --guidance 100
g "guidance -1" $A --prompt rain --steps 2 --seconds 0.5 --guidance=-1
g "guidance nan" $A --prompt rain --steps 2 --seconds 0.5 --guidance nan
g "seed 0" $A --prompt rain --steps 2 --seconds 0.5 --seed 0
g "seed max" $A --prompt rain --steps 2 --seconds 0.5 --seed 18446744073709551615
g "seed over" $A --prompt rain --steps 2 --seconds 0.5 --seed 18446744073709551616
g "takes 0" $A --prompt rain --steps 2 --seconds 0.5 --takes 0
g "takes 65" $A --prompt rain --steps 2 --seconds 0.5 --takes 65
g "scheduler" $A --prompt rain --steps 2 --seconds 0.5 --scheduler euler
g "commercial" $A --prompt rain --steps 2 --seconds 0.5 --commercial
done
g "other family" --music audioldm2=$D/audioldm --prompt rain --steps 2 --seconds 0.5
g "other family 2" --music audioldm=$D/audioldm2 --prompt rain --steps 2 --seconds 0.5
rm -rf $O/m; cp -r $D/audioldm2 $O/m; rm -rf $O/m/vocoder
g "missing part" --music audioldm2=$O/m --prompt rain --steps 2 --seconds 0.5
rm -rf $O/m; cp -r $D/audioldm2 $O/m; rm -f $O/m/vocoder/config.json
g "missing config" --music audioldm2=$O/m --prompt rain --steps 2 --seconds 0.5
rm -rf $O/m; cp -r $D/audioldm2 $O/m; rm -f $O/m/feature_extractor/*
g "missing features, 2 takes" --music audioldm2=$O/m --prompt rain --steps 2 --seconds 0.5 --takes 2
rm -rf $O/m; cp -r $D/audioldm2 $O/m; rm -f $O/m/tokenizer/tokenizer.json
g "missing tokenizer" --music audioldm2=$O/m --prompt rain --steps 2 --seconds 0.5
rm -rf $O/m; cp -r $D/audioldm2 $O/m; f=$(ls $O/m/unet/*.safetensors); truncate -s $(( $(stat -c %s $f) / 2 )) $f
g "half unet" --music audioldm2=$O/m --prompt rain --steps 2 --seconds 0.5
rm -rf $O/m; cp -r $D/audioldm2 $O/m; f=$(ls $O/m/text_encoder_2/*.safetensors); mv $f $f.part
g "part file" --music audioldm2=$O/m --prompt rain --steps 2 --seconds 0.5
rm -rf $O/m; cp -r $D/audioldm2 $O/m; echo '{"_class' > $O/m/model_index.json
g "broken index" --music audioldm2=$O/m --prompt rain --steps 2 --seconds 0.5
g "no folder" --music audioldm2=$O/nowhere --prompt rain
g "weights absent" --music audioldm2 --prompt rain
echo "== memory limit"; (ulimit -v 300000; $B generate --ort-lib $SYNCHRESIS_ORT_LIB $A2 --prompt rain --steps 1 --seconds 0.5 --force -o $O/x.wav 2>&1 | tail -n 4); 
echo "== too little memory by needs"; $B generate --ort-lib $SYNCHRESIS_ORT_LIB $A2 --prompt rain --steps 1 --seconds 1100 --force -o $O/y.wav 2>&1 | head -c 300 & P=$!; sleep 6; kill -INT $(pgrep -P $P synchresis) $P 2>/dev/null; wait $P; ls $O/y.wav
echo "== cancel"; rm -f $O/*.wav; $B generate --ort-lib $SYNCHRESIS_ORT_LIB --music audioldm2=/tmp/audio/full --prompt rain --steps 20 --seconds 10 -o $O/z.wav >$O/out 2>$O/err & P=$!; sleep 25; S=$(date +%s.%N); kill -INT $P; wait $P; echo rc $? after $(echo "$(date +%s.%N)-$S"|bc) ; cat $O/err; ls -la $O
