# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_synchresis_global_optspecs
    string join \n q/quiet v/verbose cache-dir= no-cache cache-limit= ffmpeg= model-dir= ort-lib= device= dtype= commercial limit-duration= limit-bytes= limit-pixels= limit-side= limit-streams= limit-time= limit-memory= threads= h/help V/version
end

function __fish_synchresis_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_synchresis_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_synchresis_using_subcommand
    set -l cmd (__fish_synchresis_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c synchresis -n "__fish_synchresis_needs_command" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_needs_command" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_needs_command" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_needs_command" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_needs_command" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_needs_command" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_needs_command" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_needs_command" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_needs_command" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_needs_command" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_needs_command" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_needs_command" -l limit-streams -d 'Refuse inputs with more streams than this' -r
complete -c synchresis -n "__fish_synchresis_needs_command" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_needs_command" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_needs_command" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_needs_command" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_needs_command" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_needs_command" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_needs_command" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_needs_command" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_needs_command" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_needs_command" -f -a "score" -d 'Give a clip or a picture music and effects that land on its cuts'
complete -c synchresis -n "__fish_synchresis_needs_command" -f -a "frames" -d 'Stage 1: probe and watch the clip: shots, motion, light, colour, sampled frames'
complete -c synchresis -n "__fish_synchresis_needs_command" -f -a "objects" -d 'Stage 2: what is recognised in the sampled frames'
complete -c synchresis -n "__fish_synchresis_needs_command" -f -a "select" -d 'Stage 3: the frame that stands for the film'
complete -c synchresis -n "__fish_synchresis_needs_command" -f -a "describe" -d 'Stage 4: the film in words; with --caption, a song in words'
complete -c synchresis -n "__fish_synchresis_needs_command" -f -a "prompt" -d 'Stage 5: words for a generating engine'
complete -c synchresis -n "__fish_synchresis_needs_command" -f -a "generate" -d 'Stage 6: spot the hits and compose the music; or draw a sound of words alone'
complete -c synchresis -n "__fish_synchresis_needs_command" -f -a "render" -d 'Stage 7: render the notes to sound'
complete -c synchresis -n "__fish_synchresis_needs_command" -f -a "mix" -d 'Stage 8: mix with the clip\'s own sound and master'
complete -c synchresis -n "__fish_synchresis_needs_command" -f -a "mux" -d 'Stage 9: put sound and picture together'
complete -c synchresis -n "__fish_synchresis_needs_command" -f -a "film" -d 'Give a song its picture: a music video from artworks'
complete -c synchresis -n "__fish_synchresis_needs_command" -f -a "paint" -d 'Paint a picture from words and pictures'
complete -c synchresis -n "__fish_synchresis_needs_command" -f -a "evaluate" -d 'Say how well a sound and a picture hold together, beside chance'
complete -c synchresis -n "__fish_synchresis_needs_command" -f -a "compare" -d 'Put the figures of two films, or of two documents, side by side'
complete -c synchresis -n "__fish_synchresis_needs_command" -f -a "serve" -d 'Open the studio to a browser and to programs: a page, an API, jobs'
complete -c synchresis -n "__fish_synchresis_needs_command" -f -a "worker" -d 'Do jobs that a server took, on this machine or another'
complete -c synchresis -n "__fish_synchresis_needs_command" -f -a "styles" -d 'List the styles'
complete -c synchresis -n "__fish_synchresis_needs_command" -f -a "models" -d 'Pull, find and remove the weights of the engines'
complete -c synchresis -n "__fish_synchresis_needs_command" -f -a "doctor" -d 'Say what is installed, what is missing, and how to get it'
complete -c synchresis -n "__fish_synchresis_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -s o -l output -d 'The film; `INPUT.scored.mp4` by default. With several inputs, or where it ends in a slash, the folder for them' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l mood -d 'Free words: "calm rainy evening, solo piano"' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l style -d 'One of `synchresis styles`, or a style\'s file; chosen from what is seen by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l seed -d 'Same brief and seed: the same bytes. Another seed: another tune' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l takes -d 'Compose this many takes with seeds from --seed on, rank them and use the best; the document lists all' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l music -d 'Who makes the music: composer, audioldm2, audioldm (or one of them with its folder: audioldm2=DIR), replicate or none' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l hit -d 'A moment the music must land on, seconds or m:ss.mmm; can be given more than once' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l keep-sections -d 'Sections of the document\'s take to leave as they are, counted from 1: 1,3; the rest is composed anew with --seed' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l soundbank -d 'An SF2 or SF3 file to play from, `auto` (the best free one installed) or `none` (the built-in voices)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l sounds -d 'Who makes the effects: none, designer (whooshes, risers, impacts, and beds such as rain or traffic), audioldm2 or audioldm2=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l objects -d 'Who recognises objects: auto, none, yolov9 or yolov9=FILE' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l features -d 'What frames are compared by: built-in, resnet18 or resnet18=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l moments -d 'How many most telling frames to name' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l scene -d 'Who tells mood, scene, weather and time of day: auto, none, clip or clip=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l describe -d 'Who describes the picture: auto, none, moondream2, moondream2=DIR, openai=URL#MODEL or replicate' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l question -d 'What is asked about it, in your words, or `short` (a description and its mood) or `music` (fitting background music)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l frame -d 'The frame that stands for the film: auto (the medoid), 33%, 66% or a time such as 12.5s' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l duration -d 'How long a still picture is shown, seconds or m:ss' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l prompt -d 'Words for a generating engine, in place of the combined ones' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l negative-prompt -d 'What a generating engine should avoid' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l steps -d 'Steps that a generating engine takes; 75 by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l guidance -d 'How much the words outweigh what to avoid; 3.5 for audioldm2, 2.5 for audioldm by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l music-volume -d 'Linear gain of the music, 0 to 1' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l sounds-volume -d 'Linear gain of the effects, 0 to 1' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l original -d 'What becomes of the clip\'s own sound; duck by default' -r -f -a "keep\t''
duck\t''
drop\t''"
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l loudness -d 'Integrated loudness of the film, LUFS; −14 by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l stems -d 'Write a 24-bit WAV for each instrument into this folder, and their sum as premaster.wav' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l midi -d 'Write the music as a MIDI file' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l musicxml -d 'Write the lead sheet as MusicXML' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l cue-sheet -d 'Write a cue sheet for people, Markdown or one printable HTML file by its ending: sections, chords, hits, licences' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l timeline -d 'Write a picture of what happened (PNG): filmstrip, hits, beats, waveform' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l document -d 'The document: read if it is there, so that edits by hand count, and written' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l limit-streams -d 'Refuse inputs with more streams than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l drift -d 'Move slowly over a still picture'
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l json -d 'Print the document to stdout'
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l force -d 'Replace what is already there'
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_using_subcommand score" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -s o -l output -d 'What the stage makes beside its section: a folder of frames (frames), a WAV (generate, render, mix), the film (mux)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l document -d 'The document: read if it is there, so that edits by hand count, and written' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l stems -d 'Write a 24-bit WAV for each instrument into this folder (render and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l midi -d 'Write the music as a MIDI file (generate and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l cue-sheet -d 'Write a cue sheet for people, Markdown or HTML by its ending (generate and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l mood -d 'Free words: "calm rainy evening, solo piano"' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l style -d 'One of `synchresis styles`, or a style\'s file; chosen from what is seen by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l seed -d 'Same brief and seed: the same bytes. Another seed: another tune' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l takes -d 'Compose this many takes with seeds from --seed on, rank them and use the best; the document lists all' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l music -d 'Who makes the music: composer, audioldm2, audioldm (or one of them with its folder: audioldm2=DIR), replicate or none' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l hit -d 'A moment the music must land on, seconds or m:ss.mmm; can be given more than once' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l keep-sections -d 'Sections of the document\'s take to leave as they are, counted from 1: 1,3; the rest is composed anew with --seed' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l soundbank -d 'An SF2 or SF3 file to play from, `auto` (the best free one installed) or `none` (the built-in voices)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l sounds -d 'Who makes the effects: none, designer (whooshes, risers, impacts, and beds such as rain or traffic), audioldm2 or audioldm2=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l objects -d 'Who recognises objects: auto, none, yolov9 or yolov9=FILE' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l features -d 'What frames are compared by: built-in, resnet18 or resnet18=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l moments -d 'How many most telling frames to name' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l scene -d 'Who tells mood, scene, weather and time of day: auto, none, clip or clip=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l describe -d 'Who describes the picture: auto, none, moondream2, moondream2=DIR, openai=URL#MODEL or replicate' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l question -d 'What is asked about it, in your words, or `short` (a description and its mood) or `music` (fitting background music)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l frame -d 'The frame that stands for the film: auto (the medoid), 33%, 66% or a time such as 12.5s' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l duration -d 'How long a still picture is shown, seconds or m:ss' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l prompt -d 'Words for a generating engine, in place of the combined ones' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l negative-prompt -d 'What a generating engine should avoid' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l steps -d 'Steps that a generating engine takes; 75 by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l guidance -d 'How much the words outweigh what to avoid; 3.5 for audioldm2, 2.5 for audioldm by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l music-volume -d 'Linear gain of the music, 0 to 1' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l sounds-volume -d 'Linear gain of the effects, 0 to 1' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l original -d 'What becomes of the clip\'s own sound; duck by default' -r -f -a "keep\t''
duck\t''
drop\t''"
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l loudness -d 'Integrated loudness of the film, LUFS; −14 by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l limit-streams -d 'Refuse inputs with more streams than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l json -d 'Print the document to stdout'
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l force -d 'Replace what is already there'
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l drift -d 'Move slowly over a still picture'
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_using_subcommand frames" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -s o -l output -d 'What the stage makes beside its section: a folder of frames (frames), a WAV (generate, render, mix), the film (mux)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l document -d 'The document: read if it is there, so that edits by hand count, and written' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l stems -d 'Write a 24-bit WAV for each instrument into this folder (render and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l midi -d 'Write the music as a MIDI file (generate and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l cue-sheet -d 'Write a cue sheet for people, Markdown or HTML by its ending (generate and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l mood -d 'Free words: "calm rainy evening, solo piano"' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l style -d 'One of `synchresis styles`, or a style\'s file; chosen from what is seen by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l seed -d 'Same brief and seed: the same bytes. Another seed: another tune' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l takes -d 'Compose this many takes with seeds from --seed on, rank them and use the best; the document lists all' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l music -d 'Who makes the music: composer, audioldm2, audioldm (or one of them with its folder: audioldm2=DIR), replicate or none' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l hit -d 'A moment the music must land on, seconds or m:ss.mmm; can be given more than once' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l keep-sections -d 'Sections of the document\'s take to leave as they are, counted from 1: 1,3; the rest is composed anew with --seed' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l soundbank -d 'An SF2 or SF3 file to play from, `auto` (the best free one installed) or `none` (the built-in voices)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l sounds -d 'Who makes the effects: none, designer (whooshes, risers, impacts, and beds such as rain or traffic), audioldm2 or audioldm2=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l objects -d 'Who recognises objects: auto, none, yolov9 or yolov9=FILE' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l features -d 'What frames are compared by: built-in, resnet18 or resnet18=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l moments -d 'How many most telling frames to name' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l scene -d 'Who tells mood, scene, weather and time of day: auto, none, clip or clip=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l describe -d 'Who describes the picture: auto, none, moondream2, moondream2=DIR, openai=URL#MODEL or replicate' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l question -d 'What is asked about it, in your words, or `short` (a description and its mood) or `music` (fitting background music)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l frame -d 'The frame that stands for the film: auto (the medoid), 33%, 66% or a time such as 12.5s' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l duration -d 'How long a still picture is shown, seconds or m:ss' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l prompt -d 'Words for a generating engine, in place of the combined ones' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l negative-prompt -d 'What a generating engine should avoid' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l steps -d 'Steps that a generating engine takes; 75 by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l guidance -d 'How much the words outweigh what to avoid; 3.5 for audioldm2, 2.5 for audioldm by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l music-volume -d 'Linear gain of the music, 0 to 1' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l sounds-volume -d 'Linear gain of the effects, 0 to 1' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l original -d 'What becomes of the clip\'s own sound; duck by default' -r -f -a "keep\t''
duck\t''
drop\t''"
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l loudness -d 'Integrated loudness of the film, LUFS; −14 by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l limit-streams -d 'Refuse inputs with more streams than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l json -d 'Print the document to stdout'
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l force -d 'Replace what is already there'
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l drift -d 'Move slowly over a still picture'
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_using_subcommand objects" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -s o -l output -d 'What the stage makes beside its section: a folder of frames (frames), a WAV (generate, render, mix), the film (mux)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l document -d 'The document: read if it is there, so that edits by hand count, and written' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l stems -d 'Write a 24-bit WAV for each instrument into this folder (render and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l midi -d 'Write the music as a MIDI file (generate and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l cue-sheet -d 'Write a cue sheet for people, Markdown or HTML by its ending (generate and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l mood -d 'Free words: "calm rainy evening, solo piano"' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l style -d 'One of `synchresis styles`, or a style\'s file; chosen from what is seen by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l seed -d 'Same brief and seed: the same bytes. Another seed: another tune' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l takes -d 'Compose this many takes with seeds from --seed on, rank them and use the best; the document lists all' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l music -d 'Who makes the music: composer, audioldm2, audioldm (or one of them with its folder: audioldm2=DIR), replicate or none' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l hit -d 'A moment the music must land on, seconds or m:ss.mmm; can be given more than once' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l keep-sections -d 'Sections of the document\'s take to leave as they are, counted from 1: 1,3; the rest is composed anew with --seed' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l soundbank -d 'An SF2 or SF3 file to play from, `auto` (the best free one installed) or `none` (the built-in voices)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l sounds -d 'Who makes the effects: none, designer (whooshes, risers, impacts, and beds such as rain or traffic), audioldm2 or audioldm2=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l objects -d 'Who recognises objects: auto, none, yolov9 or yolov9=FILE' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l features -d 'What frames are compared by: built-in, resnet18 or resnet18=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l moments -d 'How many most telling frames to name' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l scene -d 'Who tells mood, scene, weather and time of day: auto, none, clip or clip=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l describe -d 'Who describes the picture: auto, none, moondream2, moondream2=DIR, openai=URL#MODEL or replicate' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l question -d 'What is asked about it, in your words, or `short` (a description and its mood) or `music` (fitting background music)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l frame -d 'The frame that stands for the film: auto (the medoid), 33%, 66% or a time such as 12.5s' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l duration -d 'How long a still picture is shown, seconds or m:ss' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l prompt -d 'Words for a generating engine, in place of the combined ones' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l negative-prompt -d 'What a generating engine should avoid' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l steps -d 'Steps that a generating engine takes; 75 by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l guidance -d 'How much the words outweigh what to avoid; 3.5 for audioldm2, 2.5 for audioldm by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l music-volume -d 'Linear gain of the music, 0 to 1' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l sounds-volume -d 'Linear gain of the effects, 0 to 1' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l original -d 'What becomes of the clip\'s own sound; duck by default' -r -f -a "keep\t''
duck\t''
drop\t''"
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l loudness -d 'Integrated loudness of the film, LUFS; −14 by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l limit-streams -d 'Refuse inputs with more streams than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l json -d 'Print the document to stdout'
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l force -d 'Replace what is already there'
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l drift -d 'Move slowly over a still picture'
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_using_subcommand select" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -s o -l output -d 'What the stage makes beside its section: a folder of frames (frames), a WAV (generate, render, mix), the film (mux)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l document -d 'The document: read if it is there, so that edits by hand count, and written' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l stems -d 'Write a 24-bit WAV for each instrument into this folder (render and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l midi -d 'Write the music as a MIDI file (generate and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l cue-sheet -d 'Write a cue sheet for people, Markdown or HTML by its ending (generate and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l mood -d 'Free words: "calm rainy evening, solo piano"' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l style -d 'One of `synchresis styles`, or a style\'s file; chosen from what is seen by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l seed -d 'Same brief and seed: the same bytes. Another seed: another tune' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l takes -d 'Compose this many takes with seeds from --seed on, rank them and use the best; the document lists all' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l music -d 'Who makes the music: composer, audioldm2, audioldm (or one of them with its folder: audioldm2=DIR), replicate or none' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l hit -d 'A moment the music must land on, seconds or m:ss.mmm; can be given more than once' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l keep-sections -d 'Sections of the document\'s take to leave as they are, counted from 1: 1,3; the rest is composed anew with --seed' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l soundbank -d 'An SF2 or SF3 file to play from, `auto` (the best free one installed) or `none` (the built-in voices)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l sounds -d 'Who makes the effects: none, designer (whooshes, risers, impacts, and beds such as rain or traffic), audioldm2 or audioldm2=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l objects -d 'Who recognises objects: auto, none, yolov9 or yolov9=FILE' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l features -d 'What frames are compared by: built-in, resnet18 or resnet18=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l moments -d 'How many most telling frames to name' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l scene -d 'Who tells mood, scene, weather and time of day: auto, none, clip or clip=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l describe -d 'Who describes the picture: auto, none, moondream2, moondream2=DIR, openai=URL#MODEL or replicate' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l question -d 'What is asked about it, in your words, or `short` (a description and its mood) or `music` (fitting background music)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l frame -d 'The frame that stands for the film: auto (the medoid), 33%, 66% or a time such as 12.5s' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l duration -d 'How long a still picture is shown, seconds or m:ss' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l prompt -d 'Words for a generating engine, in place of the combined ones' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l negative-prompt -d 'What a generating engine should avoid' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l steps -d 'Steps that a generating engine takes; 75 by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l guidance -d 'How much the words outweigh what to avoid; 3.5 for audioldm2, 2.5 for audioldm by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l music-volume -d 'Linear gain of the music, 0 to 1' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l sounds-volume -d 'Linear gain of the effects, 0 to 1' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l original -d 'What becomes of the clip\'s own sound; duck by default' -r -f -a "keep\t''
duck\t''
drop\t''"
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l loudness -d 'Integrated loudness of the film, LUFS; −14 by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l caption -d 'Say what a song is, ten seconds at a time: lp-musiccaps, or lp-musiccaps=DIR or FILE. The input is the song' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l limit-streams -d 'Refuse inputs with more streams than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l json -d 'Print the document to stdout'
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l force -d 'Replace what is already there'
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l drift -d 'Move slowly over a still picture'
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_using_subcommand describe" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -s o -l output -d 'What the stage makes beside its section: a folder of frames (frames), a WAV (generate, render, mix), the film (mux)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l document -d 'The document: read if it is there, so that edits by hand count, and written' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l stems -d 'Write a 24-bit WAV for each instrument into this folder (render and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l midi -d 'Write the music as a MIDI file (generate and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l cue-sheet -d 'Write a cue sheet for people, Markdown or HTML by its ending (generate and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l mood -d 'Free words: "calm rainy evening, solo piano"' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l style -d 'One of `synchresis styles`, or a style\'s file; chosen from what is seen by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l seed -d 'Same brief and seed: the same bytes. Another seed: another tune' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l takes -d 'Compose this many takes with seeds from --seed on, rank them and use the best; the document lists all' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l music -d 'Who makes the music: composer, audioldm2, audioldm (or one of them with its folder: audioldm2=DIR), replicate or none' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l hit -d 'A moment the music must land on, seconds or m:ss.mmm; can be given more than once' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l keep-sections -d 'Sections of the document\'s take to leave as they are, counted from 1: 1,3; the rest is composed anew with --seed' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l soundbank -d 'An SF2 or SF3 file to play from, `auto` (the best free one installed) or `none` (the built-in voices)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l sounds -d 'Who makes the effects: none, designer (whooshes, risers, impacts, and beds such as rain or traffic), audioldm2 or audioldm2=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l objects -d 'Who recognises objects: auto, none, yolov9 or yolov9=FILE' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l features -d 'What frames are compared by: built-in, resnet18 or resnet18=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l moments -d 'How many most telling frames to name' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l scene -d 'Who tells mood, scene, weather and time of day: auto, none, clip or clip=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l describe -d 'Who describes the picture: auto, none, moondream2, moondream2=DIR, openai=URL#MODEL or replicate' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l question -d 'What is asked about it, in your words, or `short` (a description and its mood) or `music` (fitting background music)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l frame -d 'The frame that stands for the film: auto (the medoid), 33%, 66% or a time such as 12.5s' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l duration -d 'How long a still picture is shown, seconds or m:ss' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l prompt -d 'Words for a generating engine, in place of the combined ones' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l negative-prompt -d 'What a generating engine should avoid' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l steps -d 'Steps that a generating engine takes; 75 by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l guidance -d 'How much the words outweigh what to avoid; 3.5 for audioldm2, 2.5 for audioldm by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l music-volume -d 'Linear gain of the music, 0 to 1' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l sounds-volume -d 'Linear gain of the effects, 0 to 1' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l original -d 'What becomes of the clip\'s own sound; duck by default' -r -f -a "keep\t''
duck\t''
drop\t''"
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l loudness -d 'Integrated loudness of the film, LUFS; −14 by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l limit-streams -d 'Refuse inputs with more streams than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l json -d 'Print the document to stdout'
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l force -d 'Replace what is already there'
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l drift -d 'Move slowly over a still picture'
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_using_subcommand prompt" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -s o -l output -d 'What the stage makes beside its section: a folder of frames (frames), a WAV (generate, render, mix), the film (mux)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l document -d 'The document: read if it is there, so that edits by hand count, and written' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l stems -d 'Write a 24-bit WAV for each instrument into this folder (render and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l midi -d 'Write the music as a MIDI file (generate and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l cue-sheet -d 'Write a cue sheet for people, Markdown or HTML by its ending (generate and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l mood -d 'Free words: "calm rainy evening, solo piano"' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l style -d 'One of `synchresis styles`, or a style\'s file; chosen from what is seen by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l seed -d 'Same brief and seed: the same bytes. Another seed: another tune' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l takes -d 'Compose this many takes with seeds from --seed on, rank them and use the best; the document lists all' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l music -d 'Who makes the music: composer, audioldm2, audioldm (or one of them with its folder: audioldm2=DIR), replicate or none' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l hit -d 'A moment the music must land on, seconds or m:ss.mmm; can be given more than once' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l keep-sections -d 'Sections of the document\'s take to leave as they are, counted from 1: 1,3; the rest is composed anew with --seed' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l soundbank -d 'An SF2 or SF3 file to play from, `auto` (the best free one installed) or `none` (the built-in voices)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l sounds -d 'Who makes the effects: none, designer (whooshes, risers, impacts, and beds such as rain or traffic), audioldm2 or audioldm2=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l objects -d 'Who recognises objects: auto, none, yolov9 or yolov9=FILE' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l features -d 'What frames are compared by: built-in, resnet18 or resnet18=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l moments -d 'How many most telling frames to name' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l scene -d 'Who tells mood, scene, weather and time of day: auto, none, clip or clip=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l describe -d 'Who describes the picture: auto, none, moondream2, moondream2=DIR, openai=URL#MODEL or replicate' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l question -d 'What is asked about it, in your words, or `short` (a description and its mood) or `music` (fitting background music)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l frame -d 'The frame that stands for the film: auto (the medoid), 33%, 66% or a time such as 12.5s' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l duration -d 'How long a still picture is shown, seconds or m:ss' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l prompt -d 'Words for a generating engine, in place of the combined ones' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l negative-prompt -d 'What a generating engine should avoid' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l steps -d 'Steps that a generating engine takes; 75 by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l guidance -d 'How much the words outweigh what to avoid; 3.5 for audioldm2, 2.5 for audioldm by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l music-volume -d 'Linear gain of the music, 0 to 1' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l sounds-volume -d 'Linear gain of the effects, 0 to 1' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l original -d 'What becomes of the clip\'s own sound; duck by default' -r -f -a "keep\t''
duck\t''
drop\t''"
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l loudness -d 'Integrated loudness of the film, LUFS; −14 by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l seconds -d 'Without a clip: how long the sound is, seconds or m:ss; what the engine was trained with by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l scheduler -d 'Without a clip: how the noise is taken away, ddim or dpmsolver++; as the engine\'s folder says by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l limit-streams -d 'Refuse inputs with more streams than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l json -d 'Print the document to stdout'
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l force -d 'Replace what is already there'
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l drift -d 'Move slowly over a still picture'
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_using_subcommand generate" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -s o -l output -d 'What the stage makes beside its section: a folder of frames (frames), a WAV (generate, render, mix), the film (mux)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l document -d 'The document: read if it is there, so that edits by hand count, and written' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l stems -d 'Write a 24-bit WAV for each instrument into this folder (render and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l midi -d 'Write the music as a MIDI file (generate and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l cue-sheet -d 'Write a cue sheet for people, Markdown or HTML by its ending (generate and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l mood -d 'Free words: "calm rainy evening, solo piano"' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l style -d 'One of `synchresis styles`, or a style\'s file; chosen from what is seen by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l seed -d 'Same brief and seed: the same bytes. Another seed: another tune' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l takes -d 'Compose this many takes with seeds from --seed on, rank them and use the best; the document lists all' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l music -d 'Who makes the music: composer, audioldm2, audioldm (or one of them with its folder: audioldm2=DIR), replicate or none' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l hit -d 'A moment the music must land on, seconds or m:ss.mmm; can be given more than once' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l keep-sections -d 'Sections of the document\'s take to leave as they are, counted from 1: 1,3; the rest is composed anew with --seed' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l soundbank -d 'An SF2 or SF3 file to play from, `auto` (the best free one installed) or `none` (the built-in voices)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l sounds -d 'Who makes the effects: none, designer (whooshes, risers, impacts, and beds such as rain or traffic), audioldm2 or audioldm2=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l objects -d 'Who recognises objects: auto, none, yolov9 or yolov9=FILE' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l features -d 'What frames are compared by: built-in, resnet18 or resnet18=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l moments -d 'How many most telling frames to name' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l scene -d 'Who tells mood, scene, weather and time of day: auto, none, clip or clip=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l describe -d 'Who describes the picture: auto, none, moondream2, moondream2=DIR, openai=URL#MODEL or replicate' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l question -d 'What is asked about it, in your words, or `short` (a description and its mood) or `music` (fitting background music)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l frame -d 'The frame that stands for the film: auto (the medoid), 33%, 66% or a time such as 12.5s' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l duration -d 'How long a still picture is shown, seconds or m:ss' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l prompt -d 'Words for a generating engine, in place of the combined ones' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l negative-prompt -d 'What a generating engine should avoid' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l steps -d 'Steps that a generating engine takes; 75 by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l guidance -d 'How much the words outweigh what to avoid; 3.5 for audioldm2, 2.5 for audioldm by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l music-volume -d 'Linear gain of the music, 0 to 1' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l sounds-volume -d 'Linear gain of the effects, 0 to 1' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l original -d 'What becomes of the clip\'s own sound; duck by default' -r -f -a "keep\t''
duck\t''
drop\t''"
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l loudness -d 'Integrated loudness of the film, LUFS; −14 by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l limit-streams -d 'Refuse inputs with more streams than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l json -d 'Print the document to stdout'
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l force -d 'Replace what is already there'
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l drift -d 'Move slowly over a still picture'
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_using_subcommand render" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -s o -l output -d 'What the stage makes beside its section: a folder of frames (frames), a WAV (generate, render, mix), the film (mux)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l document -d 'The document: read if it is there, so that edits by hand count, and written' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l stems -d 'Write a 24-bit WAV for each instrument into this folder (render and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l midi -d 'Write the music as a MIDI file (generate and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l cue-sheet -d 'Write a cue sheet for people, Markdown or HTML by its ending (generate and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l mood -d 'Free words: "calm rainy evening, solo piano"' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l style -d 'One of `synchresis styles`, or a style\'s file; chosen from what is seen by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l seed -d 'Same brief and seed: the same bytes. Another seed: another tune' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l takes -d 'Compose this many takes with seeds from --seed on, rank them and use the best; the document lists all' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l music -d 'Who makes the music: composer, audioldm2, audioldm (or one of them with its folder: audioldm2=DIR), replicate or none' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l hit -d 'A moment the music must land on, seconds or m:ss.mmm; can be given more than once' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l keep-sections -d 'Sections of the document\'s take to leave as they are, counted from 1: 1,3; the rest is composed anew with --seed' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l soundbank -d 'An SF2 or SF3 file to play from, `auto` (the best free one installed) or `none` (the built-in voices)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l sounds -d 'Who makes the effects: none, designer (whooshes, risers, impacts, and beds such as rain or traffic), audioldm2 or audioldm2=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l objects -d 'Who recognises objects: auto, none, yolov9 or yolov9=FILE' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l features -d 'What frames are compared by: built-in, resnet18 or resnet18=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l moments -d 'How many most telling frames to name' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l scene -d 'Who tells mood, scene, weather and time of day: auto, none, clip or clip=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l describe -d 'Who describes the picture: auto, none, moondream2, moondream2=DIR, openai=URL#MODEL or replicate' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l question -d 'What is asked about it, in your words, or `short` (a description and its mood) or `music` (fitting background music)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l frame -d 'The frame that stands for the film: auto (the medoid), 33%, 66% or a time such as 12.5s' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l duration -d 'How long a still picture is shown, seconds or m:ss' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l prompt -d 'Words for a generating engine, in place of the combined ones' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l negative-prompt -d 'What a generating engine should avoid' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l steps -d 'Steps that a generating engine takes; 75 by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l guidance -d 'How much the words outweigh what to avoid; 3.5 for audioldm2, 2.5 for audioldm by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l music-volume -d 'Linear gain of the music, 0 to 1' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l sounds-volume -d 'Linear gain of the effects, 0 to 1' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l original -d 'What becomes of the clip\'s own sound; duck by default' -r -f -a "keep\t''
duck\t''
drop\t''"
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l loudness -d 'Integrated loudness of the film, LUFS; −14 by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l limit-streams -d 'Refuse inputs with more streams than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l json -d 'Print the document to stdout'
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l force -d 'Replace what is already there'
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l drift -d 'Move slowly over a still picture'
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_using_subcommand mix" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -s o -l output -d 'What the stage makes beside its section: a folder of frames (frames), a WAV (generate, render, mix), the film (mux)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l document -d 'The document: read if it is there, so that edits by hand count, and written' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l stems -d 'Write a 24-bit WAV for each instrument into this folder (render and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l midi -d 'Write the music as a MIDI file (generate and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l cue-sheet -d 'Write a cue sheet for people, Markdown or HTML by its ending (generate and later)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l mood -d 'Free words: "calm rainy evening, solo piano"' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l style -d 'One of `synchresis styles`, or a style\'s file; chosen from what is seen by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l seed -d 'Same brief and seed: the same bytes. Another seed: another tune' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l takes -d 'Compose this many takes with seeds from --seed on, rank them and use the best; the document lists all' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l music -d 'Who makes the music: composer, audioldm2, audioldm (or one of them with its folder: audioldm2=DIR), replicate or none' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l hit -d 'A moment the music must land on, seconds or m:ss.mmm; can be given more than once' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l keep-sections -d 'Sections of the document\'s take to leave as they are, counted from 1: 1,3; the rest is composed anew with --seed' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l soundbank -d 'An SF2 or SF3 file to play from, `auto` (the best free one installed) or `none` (the built-in voices)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l sounds -d 'Who makes the effects: none, designer (whooshes, risers, impacts, and beds such as rain or traffic), audioldm2 or audioldm2=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l objects -d 'Who recognises objects: auto, none, yolov9 or yolov9=FILE' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l features -d 'What frames are compared by: built-in, resnet18 or resnet18=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l moments -d 'How many most telling frames to name' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l scene -d 'Who tells mood, scene, weather and time of day: auto, none, clip or clip=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l describe -d 'Who describes the picture: auto, none, moondream2, moondream2=DIR, openai=URL#MODEL or replicate' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l question -d 'What is asked about it, in your words, or `short` (a description and its mood) or `music` (fitting background music)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l frame -d 'The frame that stands for the film: auto (the medoid), 33%, 66% or a time such as 12.5s' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l duration -d 'How long a still picture is shown, seconds or m:ss' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l prompt -d 'Words for a generating engine, in place of the combined ones' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l negative-prompt -d 'What a generating engine should avoid' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l steps -d 'Steps that a generating engine takes; 75 by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l guidance -d 'How much the words outweigh what to avoid; 3.5 for audioldm2, 2.5 for audioldm by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l music-volume -d 'Linear gain of the music, 0 to 1' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l sounds-volume -d 'Linear gain of the effects, 0 to 1' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l original -d 'What becomes of the clip\'s own sound; duck by default' -r -f -a "keep\t''
duck\t''
drop\t''"
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l loudness -d 'Integrated loudness of the film, LUFS; −14 by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l limit-streams -d 'Refuse inputs with more streams than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l json -d 'Print the document to stdout'
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l force -d 'Replace what is already there'
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l drift -d 'Move slowly over a still picture'
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_using_subcommand mux" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -s o -l output -d 'The film; `SONG.film.mp4` by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l look -d 'How it looks: calm, dream, pulse, cut, kaleido, prism, film or seed' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l painter -d 'Who paints: morph (the artworks themselves), kandinsky, or kandinsky=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l transition -d 'How a picture becomes the next: morph (the look\'s own way), cut, latent, or latent=DIR' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l caption -d 'Who says what is heard, for painters that take words: hearing, lp-musiccaps, or lp-musiccaps=DIR or FILE' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l weights -d 'How much each artwork counts in what is painted: 1,2 say; alike by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l negative-prompt -d 'What painted pictures keep away from' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l prior-steps -d 'Steps of the painter\'s prior' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l steps -d 'Steps of the painter\'s decoder' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l guidance -d 'Guidance of the painter\'s decoder' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l pace -d 'What drives the transitions: energy, linear or constant' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l percussive -d 'Weight of the song\'s percussive part in the transitions' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l harmonic -d 'Weight of the song\'s harmonic part in the transitions' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l section-seconds -d 'About how long a picture stays, in seconds; `song` follows the song\'s own sections' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l size -d 'Width and height in pixels, or 1:1, 16:9, 9:16, 4:5' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l fps -d 'Frames a second: 30, 25, 23.976 or 30000/1001 say' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l seed -d 'Same song, pictures and seed: the same frames' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l genres -d 'A table of genres and art styles of your own (TOML)' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l document -d 'The document: read if it is there, so that edits by hand count, and written' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l limit-streams -d 'Refuse inputs with more streams than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l json -d 'Print the document to stdout'
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l force -d 'Replace what is already there'
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_using_subcommand film" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l painter -d 'Who paints: kandinsky, kandinsky=DIR with prior/ and decoder/ in it; variations or variations=DIR, of one picture' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l prompt -d 'What to paint' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l image -d 'A picture to stay near to; can be given more than once' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l weights -d 'How much the prompt and each picture count, in that order; 0.3 and 0.7 by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l negative-prompt -d 'What to keep away from' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l seed -d 'The same seed: the same picture, the reference\'s' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l prior-steps -d 'Steps of the prior, from words to what a picture of them is like' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l prior-guidance -d 'How much more the words count than no words, in the prior' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l steps -d 'Steps of the decoder, from noise to the picture' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l guidance -d 'How much more what is to be painted counts than what to keep away from, in the decoder' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l size -d 'Width and height in pixels, or 1:1, 16:9, 9:16, 4:5; the next multiples of 64 are painted' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -s o -l output -d 'The picture: PNG, JPEG or WebP by its ending' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l limit-streams -d 'Refuse inputs with more streams than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l json -d 'Print the document to stdout'
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l force -d 'Replace what is already there'
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_using_subcommand paint" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -l audio -d 'Its sound, if not its own' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -l document -d 'A document of `score`: judge the hits it took instead of everything that is seen' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -l seed -d 'Where chance is drawn from' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -l report -d 'Write a report here that any browser opens: one HTML file' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -l limit-streams -d 'Refuse inputs with more streams than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -l json -d 'Print the document to stdout'
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_using_subcommand evaluate" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -l seed -d 'Where chance is drawn from' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -l report -d 'Write a report here that any browser opens: one HTML file' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -l limit-streams -d 'Refuse inputs with more streams than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -l json -d 'Print both sides and the verdict as JSON'
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_using_subcommand compare" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l port -d 'The port; 0 for any that is free' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l host -d 'The address to listen at. Beyond this machine a token is needed' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l token -d 'What clients must show. Best given as SYNCHRESIS_TOKEN, since others see command lines' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l jobs -d 'Jobs at once in this process; 0 leaves them to workers' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l keep -d 'Forget jobs, and what they made, so many hours after they ended' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l stray -d 'Files that no job refers to go after so many minutes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l limit-upload -d 'Largest upload, megabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l limit-jobs -d 'Jobs of one client that wait or run at once' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l limit-rate -d 'Jobs a minute that one client may make' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l limit-free -d 'Megabytes that must stay free on the disk for an upload to be taken' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l limit-streams -d 'Event streams open at once' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l data-dir -d 'Uploads, the SQLite database and results; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l database -d 'A PostgreSQL that workers on several machines share: postgres://user:password@host/name. SQLite in the data folder by default. Best given as SYNCHRESIS_DATABASE, since others see command lines' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l store -d 'Where uploads and results lie: a folder that every worker sees, or s3://bucket/prefix with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL in the environment. A folder in the data folder by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l lease -d 'A worker that was not heard of for so many seconds is taken for dead, and its jobs are given to others' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l grace -d 'How many seconds running jobs may go on once the process is asked to stop; after that they are put back' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l log-json -d 'Log as JSON, one object a line'
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_using_subcommand serve" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l jobs -d 'Jobs at once' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l data-dir -d 'Uploads, the SQLite database and results; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l database -d 'A PostgreSQL that workers on several machines share: postgres://user:password@host/name. SQLite in the data folder by default. Best given as SYNCHRESIS_DATABASE, since others see command lines' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l store -d 'Where uploads and results lie: a folder that every worker sees, or s3://bucket/prefix with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL in the environment. A folder in the data folder by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l lease -d 'A worker that was not heard of for so many seconds is taken for dead, and its jobs are given to others' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l grace -d 'How many seconds running jobs may go on once the process is asked to stop; after that they are put back' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l limit-streams -d 'Refuse inputs with more streams than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l log-json -d 'Log as JSON, one object a line'
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_using_subcommand worker" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_using_subcommand styles" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand styles" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand styles" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand styles" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand styles" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand styles" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand styles" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand styles" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand styles" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand styles" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand styles" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand styles" -l limit-streams -d 'Refuse inputs with more streams than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand styles" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand styles" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand styles" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand styles" -l json -d 'Print them as JSON, whole'
complete -c synchresis -n "__fish_synchresis_using_subcommand styles" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand styles" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_using_subcommand styles" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_using_subcommand styles" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_using_subcommand styles" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_using_subcommand styles" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -l limit-streams -d 'Refuse inputs with more streams than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -f -a "list" -d 'List the models, what each gives, its licence, and whether it is here'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -f -a "pull" -d 'Pull the weights of models; size and licence are shown first and agreed to once'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -f -a "path" -d 'Say where a model\'s weights are'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -f -a "remove" -d 'Remove a model\'s weights'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and not __fish_seen_subcommand_from list pull path remove help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from list" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from list" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from list" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from list" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from list" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from list" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from list" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from list" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from list" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from list" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from list" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from list" -l limit-streams -d 'Refuse inputs with more streams than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from list" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from list" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from list" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from list" -l json -d 'As JSON'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from list" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from list" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from pull" -l hub -d 'Pull everything from this base instead of where it is published: a mirror in the layout of the hub' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from pull" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from pull" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from pull" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from pull" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from pull" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from pull" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from pull" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from pull" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from pull" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from pull" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from pull" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from pull" -l limit-streams -d 'Refuse inputs with more streams than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from pull" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from pull" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from pull" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from pull" -l yes -d 'Agree to the licences without being asked'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from pull" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from pull" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from pull" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from pull" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from pull" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from pull" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from path" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from path" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from path" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from path" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from path" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from path" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from path" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from path" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from path" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from path" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from path" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from path" -l limit-streams -d 'Refuse inputs with more streams than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from path" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from path" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from path" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from path" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from path" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from path" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from path" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from path" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from path" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from remove" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from remove" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from remove" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from remove" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from remove" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from remove" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from remove" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from remove" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from remove" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from remove" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from remove" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from remove" -l limit-streams -d 'Refuse inputs with more streams than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from remove" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from remove" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from remove" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from remove" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from remove" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the models, what each gives, its licence, and whether it is here'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "pull" -d 'Pull the weights of models; size and licence are shown first and agreed to once'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "path" -d 'Say where a model\'s weights are'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Remove a model\'s weights'
complete -c synchresis -n "__fish_synchresis_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c synchresis -n "__fish_synchresis_using_subcommand doctor" -l cache-dir -d 'Where results of stages are kept for the next run; the platform\'s cache folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand doctor" -l cache-limit -d 'Forget the oldest results beyond this many gigabytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand doctor" -l ffmpeg -d 'The ffmpeg to use, found in PATH by default; ffprobe is taken from beside it' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand doctor" -l model-dir -d 'Where models lie, each in the layout of its hub repository; the platform\'s data folder by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand doctor" -l ort-lib -d 'ONNX Runtime\'s shared library, which the neural engines need; looked for at the usual places by default' -r -F
complete -c synchresis -n "__fish_synchresis_using_subcommand doctor" -l device -d 'What the neural engines compute on: auto, cpu, cuda, tensorrt, coreml, directml, rocm, migraphx, openvino or webgpu' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand doctor" -l dtype -d 'How language models keep their weights: auto, q8 (8 bits) or f32 (single precision)' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand doctor" -l limit-duration -d 'Refuse inputs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand doctor" -l limit-bytes -d 'Refuse inputs larger than this many bytes' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand doctor" -l limit-pixels -d 'Refuse pictures with more pixels than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand doctor" -l limit-side -d 'Refuse pictures with a side longer than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand doctor" -l limit-streams -d 'Refuse inputs with more streams than this' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand doctor" -l limit-time -d 'End any ffmpeg that runs longer than this many seconds' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand doctor" -l limit-memory -d 'Let no ffmpeg take more than this many megabytes of memory' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand doctor" -l threads -d 'Threads to decode, render and encode with; one a core by default' -r
complete -c synchresis -n "__fish_synchresis_using_subcommand doctor" -s q -l quiet -d 'Say errors alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand doctor" -s v -l verbose -d 'Say more; twice for more still'
complete -c synchresis -n "__fish_synchresis_using_subcommand doctor" -l no-cache -d 'Keep nothing for the next run'
complete -c synchresis -n "__fish_synchresis_using_subcommand doctor" -l commercial -d 'Refuse engines whose weights may not be used to make money'
complete -c synchresis -n "__fish_synchresis_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c synchresis -n "__fish_synchresis_using_subcommand doctor" -s V -l version -d 'Print version'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and not __fish_seen_subcommand_from score frames objects select describe prompt generate render mix mux film paint evaluate compare serve worker styles models doctor help" -f -a "score" -d 'Give a clip or a picture music and effects that land on its cuts'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and not __fish_seen_subcommand_from score frames objects select describe prompt generate render mix mux film paint evaluate compare serve worker styles models doctor help" -f -a "frames" -d 'Stage 1: probe and watch the clip: shots, motion, light, colour, sampled frames'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and not __fish_seen_subcommand_from score frames objects select describe prompt generate render mix mux film paint evaluate compare serve worker styles models doctor help" -f -a "objects" -d 'Stage 2: what is recognised in the sampled frames'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and not __fish_seen_subcommand_from score frames objects select describe prompt generate render mix mux film paint evaluate compare serve worker styles models doctor help" -f -a "select" -d 'Stage 3: the frame that stands for the film'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and not __fish_seen_subcommand_from score frames objects select describe prompt generate render mix mux film paint evaluate compare serve worker styles models doctor help" -f -a "describe" -d 'Stage 4: the film in words; with --caption, a song in words'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and not __fish_seen_subcommand_from score frames objects select describe prompt generate render mix mux film paint evaluate compare serve worker styles models doctor help" -f -a "prompt" -d 'Stage 5: words for a generating engine'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and not __fish_seen_subcommand_from score frames objects select describe prompt generate render mix mux film paint evaluate compare serve worker styles models doctor help" -f -a "generate" -d 'Stage 6: spot the hits and compose the music; or draw a sound of words alone'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and not __fish_seen_subcommand_from score frames objects select describe prompt generate render mix mux film paint evaluate compare serve worker styles models doctor help" -f -a "render" -d 'Stage 7: render the notes to sound'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and not __fish_seen_subcommand_from score frames objects select describe prompt generate render mix mux film paint evaluate compare serve worker styles models doctor help" -f -a "mix" -d 'Stage 8: mix with the clip\'s own sound and master'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and not __fish_seen_subcommand_from score frames objects select describe prompt generate render mix mux film paint evaluate compare serve worker styles models doctor help" -f -a "mux" -d 'Stage 9: put sound and picture together'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and not __fish_seen_subcommand_from score frames objects select describe prompt generate render mix mux film paint evaluate compare serve worker styles models doctor help" -f -a "film" -d 'Give a song its picture: a music video from artworks'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and not __fish_seen_subcommand_from score frames objects select describe prompt generate render mix mux film paint evaluate compare serve worker styles models doctor help" -f -a "paint" -d 'Paint a picture from words and pictures'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and not __fish_seen_subcommand_from score frames objects select describe prompt generate render mix mux film paint evaluate compare serve worker styles models doctor help" -f -a "evaluate" -d 'Say how well a sound and a picture hold together, beside chance'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and not __fish_seen_subcommand_from score frames objects select describe prompt generate render mix mux film paint evaluate compare serve worker styles models doctor help" -f -a "compare" -d 'Put the figures of two films, or of two documents, side by side'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and not __fish_seen_subcommand_from score frames objects select describe prompt generate render mix mux film paint evaluate compare serve worker styles models doctor help" -f -a "serve" -d 'Open the studio to a browser and to programs: a page, an API, jobs'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and not __fish_seen_subcommand_from score frames objects select describe prompt generate render mix mux film paint evaluate compare serve worker styles models doctor help" -f -a "worker" -d 'Do jobs that a server took, on this machine or another'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and not __fish_seen_subcommand_from score frames objects select describe prompt generate render mix mux film paint evaluate compare serve worker styles models doctor help" -f -a "styles" -d 'List the styles'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and not __fish_seen_subcommand_from score frames objects select describe prompt generate render mix mux film paint evaluate compare serve worker styles models doctor help" -f -a "models" -d 'Pull, find and remove the weights of the engines'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and not __fish_seen_subcommand_from score frames objects select describe prompt generate render mix mux film paint evaluate compare serve worker styles models doctor help" -f -a "doctor" -d 'Say what is installed, what is missing, and how to get it'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and not __fish_seen_subcommand_from score frames objects select describe prompt generate render mix mux film paint evaluate compare serve worker styles models doctor help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and __fish_seen_subcommand_from models" -f -a "list" -d 'List the models, what each gives, its licence, and whether it is here'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and __fish_seen_subcommand_from models" -f -a "pull" -d 'Pull the weights of models; size and licence are shown first and agreed to once'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and __fish_seen_subcommand_from models" -f -a "path" -d 'Say where a model\'s weights are'
complete -c synchresis -n "__fish_synchresis_using_subcommand help; and __fish_seen_subcommand_from models" -f -a "remove" -d 'Remove a model\'s weights'
