"""Keys that files of a checkpoint may hold, and the bounds of their values: data, for `checkpoint_checks` to check
against."""

from __future__ import annotations

from embodied.models.adaptation import KINDS as KINDS_OF_ADAPTATION
from embodied.models.scene_encoders import encoder_names

LARGEST_NUMBER = 10**12
LONGEST_TEXT = 10_000
LONGEST_LIST = 50_000
"""Items of one list or object: words of a vocabulary are the most there is."""

_LAYERS, _WIDTH, _INNER, _HEADS = (1, 256), (1, 16_384), (1, 131_072), (1, 256)
_WORDS = (-1, 262_144)
_LENGTH_M = (0.0, 100.0)
BOUNDS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("num_hidden_layers", "n_layer", "depth", "depths", "layers"), _LAYERS),
    **dict.fromkeys(("hidden_size", "n_embd", "word_embed_proj_dim", "projector_width", "embed_dim", "dims",
                     "pooler_output_size", "projection_dim"), _WIDTH),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "n_inner"), _INNER),
    **dict.fromkeys(("num_attention_heads", "num_key_value_heads", "n_head", "num_heads"), _HEADS),
    "vocab_size": (1, 262_144),
    **dict.fromkeys(("bos_token_id", "pad_token_id", "placeholder_first_id", "placeholder_last_id",
                     "name_first_id", "new_word_first_id", "suppress_tokens", "begin_suppress_tokens"), _WORDS),
    "eos_token_id": _WORDS,
    "new_words": (0, 4096),
    "rank": (1, 1024),
    "alpha": (0.0, 1e4),
    "head_dim": (1, 1024),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx", "max_tokens",
                     "original_max_position_embeddings"), (1, 2**20)),
    **dict.fromkeys(("image_size", "img_size"), (8, 2048)),
    "patch_size": (1, 256),
    "window_size": (1, 256),
    "output_stride": (1, 64),
    "encoder_stride": (1, 256),
    "pretraining_tp": (1, 64),
    "num_channels": (1, 16),
    "soft_tokens": (1, 1024),
    "geometry_size": (1, 256),
    "widths": (8, 1024),
    "level_depths": (1, 8),
    "levels": (1, 256),
    "patch_px": (1, 16),
    "crop_size": (8, 512),
    "min_pixels": (1, 2**20),
    "cluster_radius_m": (1e-4, 10.0),
    "mlp_ratio": (0.1, 32.0),
    "chunk_size_feed_forward": (0, 2**20),
    "num_labels": (0, 1000),
    "naming_weight": (0.0, 1e6),
    "mean": (-1e3, 1e3),
    "std": (1e-6, 1e3),
    "drop_path_rate": (0.0, 1.0),
    **dict.fromkeys(("clearance_m", "margin_m"), _LENGTH_M),
    **dict.fromkeys(("workspace_low_m", "workspace_high_m"), (-100.0, 100.0)),
    **dict.fromkeys(("max_window_layers", "no_rope_layer_interval", "no_rope_layers"), (0, 2**20)),
    "sliding_window": (1, 2**20),
    "block_size": (1, 2**16),
    "local_blocks": (1, 2**16),
    **dict.fromkeys(("stride_blocks", "global_blocks"), (0, 2**16)),
    "num_local_experts": (0, 256),
    "num_experts_per_tok": (1, 256),
    "router_aux_loss_coef": (0.0, 1e3),
    "_out_indices": (-256, 256),
    **dict.fromkeys(("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "attention_dropout", "attn_pdrop",
                     "attention_probs_dropout_prob", "classifier_dropout", "dropout", "embd_pdrop", "hidden_dropout",
                     "hidden_dropout_prob", "layerdrop", "resid_pdrop", "summary_first_dropout"), (0.0, 1.0)),
    **dict.fromkeys(("init_std", "initializer_factor", "initializer_range", "layerscale_value"), (0.0, 1e3)),
    "rope_theta": (1e-3, 1e12),
    "partial_rotary_factor": (1e-3, 1.0),
}
"""Key -> least and greatest value; above what any published model of the known families has. The value must be a
number, and a whole one where both bounds are."""

LISTS = frozenset((
    "_out_indices", "begin_suppress_tokens", "depth", "depths", "dims", "embed_dim", "eos_token_id", "layers",
    "level_depths", "mean", "mlp_ratio", "no_rope_layers", "num_heads", "patch_size", "std", "suppress_tokens",
    "widths", "window_size", "workspace_high_m", "workspace_low_m"))
"""Keys of BOUNDS that may be a list of numbers, too."""

LENGTHS = {"mean": 3, "std": 3, "workspace_low_m": 3, "workspace_high_m": 3}
"""Keys of LISTS that are lists of so many."""

PROJECTORS = ("own", "linear", "mlp", "perceiver")
"""What may be between the vision tower and the language model; see `embodied.models.projectors`."""

CHOICES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("dtype", "torch_dtype"), tuple(
        start + name for start in ("", "torch.") for name in ("float32", "float16", "bfloat16", "float64", "auto"))),
    "seeing": ("slots", "image"),  # as earlier versions wrote it, see old_forms
    "scene_encoder": encoder_names(),
    "projector": PROJECTORS,
    "kind": tuple(KINDS_OF_ADAPTATION),
    "source": ("timm", "transformers"),
    "form": ("dense", "light"),
    "position_embedding_type": ("rotary", "learned", "alibi"),
}

KINDS: dict[str, str] = {key: kind for kind, keys in {
    "true or false": (
        "_remove_final_layer_norm add_cross_attention apply_layernorm attention_bias do_layer_norm_before do_sample "
        "enable_bias is_cut is_decoder is_encoder_decoder is_flat is_frozen language_is_frozen "
        "layer_norm_elementwise_affine mlp_bias names_by_number tells_distractors "
        "output_attentions output_hidden_states qk_layernorm qkv_bias reorder_and_upcast_attn reshape_hidden_states "
        "dora return_dict scale_attn_by_inverse_layer_idx scale_attn_weights summary_proj_to_labels summary_use_proj "
        "tie_word_embeddings use_cache use_mask_token use_parallel_residual use_sliding_window use_swiglu_ffn "
        "vision_use_head"),
    "text": (
        "_name_or_path activation_function grammar_fingerprint hidden_act model_type name name_or_path pooler_act "
        "problem_type processor_class rope_type sha256 summary_activation summary_type transformers_version "
        "_commit_hash"),
    "a list of text": "_out_features architectures attention_pattern layer_types lexicon targets vocabulary",
    "an object": "adaptation base cameras encoder id2label label2id options plan_language rope_parameters rope_scaling",
}.items() for key in keys.split()}
"""Key without bounds -> what its value must be."""

OPTIONAL = frozenset((
    "_commit_hash", "_name_or_path", "adaptation", "base", "_out_features", "_out_indices", "architectures",
    "attention_dropout",
    "begin_suppress_tokens", "bos_token_id", "cameras", "dtype", "encoder", "eos_token_id", "grammar_fingerprint",
    "head_dim", "id2label", "image_size", "label2id", "layer_types", "level_depths", "levels", "lexicon", "mean",
    "n_inner", "name_or_path", "vocabulary",
    "no_rope_layers", "num_key_value_heads", "options", "output_attentions", "output_hidden_states", "pad_token_id",
    "patch_size", "plan_language", "pooler_output_size", "pretraining_tp", "problem_type", "processor_class",
    "return_dict", "rope_parameters", "rope_scaling", "sliding_window", "std", "summary_activation", "suppress_tokens",
    "torch_dtype", "transformers_version", "use_cache", "widths", "word_embed_proj_dim", "workspace_high_m",
    "workspace_low_m"))
"""Keys of BOUNDS, CHOICES and KINDS that may be null."""

FREE_NAMES = frozenset(("cameras", "id2label", "label2id", "plan_language", "task_specific_params"))
"""Objects whose names are data (a camera may be called "depth"), not keys with bounds."""

EVERYWHERE = frozenset((
    "model_type", "architectures", "dtype", "torch_dtype", "transformers_version", "_name_or_path", "name_or_path",
    "_commit_hash", "use_cache", "return_dict", "output_hidden_states", "output_attentions", "id2label", "label2id",
    "problem_type", "is_encoder_decoder", "is_decoder", "chunk_size_feed_forward", "tie_word_embeddings",
    "bos_token_id", "eos_token_id", "pad_token_id"))
"""Of every configuration of transformers; none of them loads anything."""

PUBLISHED = frozenset((
    "_num_labels", "_remove_final_layer_norm", "activation_dropout", "add_cross_attention", "attn_pdrop",
    "attention_bias", "clean_up_tokenization_spaces", "decoder_start_token_id", "embd_pdrop", "finetuning_task",
    "full_attn_mod", "gradient_checkpointing", "head_dim", "hidden_dropout", "initializer_factor", "initializer_range",
    "interpolate_factor", "is_llama_config", "layer_norm_epsilon", "layer_types", "max_sequence_length",
    "max_window_layers", "mlp_bias", "n_ctx", "norm_eps", "num_labels", "output_past", "partial_rotary_factor",
    "predict_special_tokens", "prefix", "pretraining_tp", "pruned_heads", "rope_interleaved", "rope_parameters",
    "rope_scaling", "rope_theta", "rotary_emb_base", "rotary_pct", "sep_token_id", "sliding_window", "suffix",
    "task_specific_params", "torchscript", "transformers.js_config", "unk_token_id", "use_bfloat16", "use_mrope",
    "use_parallel_residual", "use_sliding_window"))
"""Keys of older or other writers that stand in configurations of the hub; they are read by no code of these families,
or are numbers that it bounds."""

GENERATION = frozenset((
    "_from_model_config", "begin_suppress_tokens", "do_sample", "max_length", "max_new_tokens", "min_length",
    "num_beams", "repetition_penalty", "suppress_tokens", "temperature", "top_k", "top_p"))

PROCESSOR = frozenset((
    "processor_class", "scene_encoder", "image_size", "mean", "std", "soft_tokens", "max_tokens", "lexicon",
    "vocabulary", "plan_language", "cameras", "names_by_number"))
OF_A_WORLD = frozenset(("scene_encoder", "vocabulary", "plan_language", "cameras", "names_by_number"))
"""Keys of each of a processor's worlds."""
MOST_WORLDS = 64

TOKENIZER = frozenset((
    "add_bos_token", "add_eos_token", "add_prefix_space", "added_tokens_decoder", "additional_special_tokens",
    "backend", "bos_token", "chat_template", "clean_up_tokenization_spaces", "cls_token", "do_lower_case",
    "eos_token", "errors", "extra_special_tokens", "is_local", "legacy", "local_files_only", "mask_token",
    "max_length", "model_input_names", "model_max_length", "model_specific_special_tokens", "name_or_path",
    "pad_to_multiple_of", "pad_token", "pad_token_type_id", "padding_side", "processor_class", "sep_token",
    "spaces_between_special_tokens", "special_tokens_map_file", "split_special_tokens", "stride", "tokenizer_class",
    "truncation_side", "truncation_strategy", "unk_token", "use_default_system_prompt"))

FILES = ("config.json", "generation_config.json", "processor_config.json", "tokenizer.json", "tokenizer_config.json",
         "special_tokens_map.json", "added_tokens.json", "chat_template.jinja", "model.safetensors.index.json",
         "manifest.json", "calibration.json", "mind.json")
"""What this project and transformers write for such a model beside its weights: all that may be read of a folder."""

SHARDS = r"model(-\d+-of-\d+)?\.safetensors"

UNREAD = (".md", ".rst", ".log", ".csv", ".jsonl", ".yaml", ".png", ".jpg", ".gif", ".svg", ".pdf", ".mp4")
"""Endings of what people keep beside a model, and no library reads to load one; names without a dot are of them."""

TRAINER = r"trainer_state\.json|training_args\.bin|(optimizer|scheduler|scaler)\.(pt|bin)|rng_state(_\d+)?\.pth"
"""What the Trainer of transformers writes beside a model, and reads itself to go on training."""

LANGUAGE_KEYS: dict[str, frozenset[str]] = {family: frozenset(keys.split()) for family, keys in {
    "embodied_decoder": (
        "attention_pattern block_size global_blocks head_dim hidden_act hidden_size initializer_range "
        "intermediate_size local_blocks max_position_embeddings num_attention_heads num_experts_per_tok "
        "num_hidden_layers num_key_value_heads num_local_experts position_embedding_type rms_norm_eps "
        "rope_parameters router_aux_loss_coef sliding_window stride_blocks vocab_size"),
    "gpt2": (
        "activation_function add_cross_attention attn_pdrop embd_pdrop hidden_size initializer_range "
        "layer_norm_epsilon max_position_embeddings n_embd n_head n_inner n_layer n_positions "
        "num_attention_heads num_hidden_layers reorder_and_upcast_attn resid_pdrop "
        "scale_attn_by_inverse_layer_idx scale_attn_weights summary_activation summary_first_dropout "
        "summary_proj_to_labels summary_type summary_use_proj vocab_size"),
    "gpt_neox": (
        "attention_bias attention_dropout classifier_dropout hidden_act hidden_dropout hidden_size "
        "initializer_range intermediate_size layer_norm_eps max_position_embeddings num_attention_heads "
        "num_hidden_layers rope_parameters use_parallel_residual vocab_size"),
    "llama": (
        "attention_bias attention_dropout head_dim hidden_act hidden_size initializer_range "
        "intermediate_size max_position_embeddings mlp_bias num_attention_heads num_hidden_layers "
        "num_key_value_heads pretraining_tp rms_norm_eps rope_parameters vocab_size"),
    "mistral": (
        "attention_dropout head_dim hidden_act hidden_size initializer_range intermediate_size "
        "max_position_embeddings num_attention_heads num_hidden_layers num_key_value_heads rms_norm_eps "
        "rope_parameters sliding_window vocab_size"),
    "olmo2": (
        "attention_bias attention_dropout hidden_act hidden_size initializer_range intermediate_size "
        "max_position_embeddings num_attention_heads num_hidden_layers num_key_value_heads rms_norm_eps "
        "rope_parameters vocab_size"),
    "opt": (
        "_remove_final_layer_norm activation_function attention_dropout do_layer_norm_before dropout "
        "enable_bias ffn_dim hidden_size init_std layer_norm_elementwise_affine layerdrop "
        "max_position_embeddings num_attention_heads num_hidden_layers vocab_size word_embed_proj_dim"),
    "phi": (
        "attention_dropout embd_pdrop hidden_act hidden_size initializer_range intermediate_size "
        "layer_norm_eps max_position_embeddings num_attention_heads num_hidden_layers num_key_value_heads "
        "qk_layernorm resid_pdrop rope_parameters vocab_size"),
    "phi3": (
        "attention_dropout embd_pdrop hidden_act hidden_size initializer_range intermediate_size "
        "max_position_embeddings num_attention_heads num_hidden_layers num_key_value_heads "
        "original_max_position_embeddings resid_pdrop rms_norm_eps rope_parameters sliding_window vocab_size"),
    "qwen2": (
        "attention_dropout hidden_act hidden_size initializer_range intermediate_size layer_types "
        "max_position_embeddings max_window_layers num_attention_heads num_hidden_layers num_key_value_heads "
        "rms_norm_eps rope_parameters sliding_window use_sliding_window vocab_size"),
    "qwen3": (
        "attention_bias attention_dropout head_dim hidden_act hidden_size initializer_range "
        "intermediate_size layer_types max_position_embeddings max_window_layers num_attention_heads "
        "num_hidden_layers num_key_value_heads rms_norm_eps rope_parameters sliding_window "
        "use_sliding_window vocab_size"),
    "smollm3": (
        "attention_bias attention_dropout hidden_act hidden_size initializer_range intermediate_size "
        "layer_types max_position_embeddings mlp_bias no_rope_layer_interval no_rope_layers "
        "num_attention_heads num_hidden_layers num_key_value_heads rms_norm_eps rope_parameters "
        "sliding_window use_sliding_window vocab_size"),
}.items()}
"""Language family -> its fields beside EVERYWHERE, other names included; a test holds them to the classes."""

VISION_KEYS: dict[str, frozenset[str]] = {family: frozenset(keys.split()) for family, keys in {
    "clip_vision_model": (
        "attention_dropout hidden_act hidden_size image_size initializer_factor initializer_range "
        "intermediate_size layer_norm_eps num_attention_heads num_channels num_hidden_layers patch_size "
        "projection_dim"),
    "dinov2": (
        "_out_features _out_indices apply_layernorm attention_probs_dropout_prob drop_path_rate hidden_act "
        "hidden_dropout_prob hidden_size image_size initializer_range layer_norm_eps layerscale_value "
        "mlp_ratio num_attention_heads num_channels num_hidden_layers patch_size qkv_bias "
        "reshape_hidden_states use_mask_token use_swiglu_ffn"),
    "siglip_vision_model": (
        "attention_dropout hidden_act hidden_size image_size intermediate_size layer_norm_eps "
        "num_attention_heads num_channels num_hidden_layers patch_size vision_use_head"),
    "vit": (
        "attention_probs_dropout_prob encoder_stride hidden_act hidden_dropout_prob hidden_size image_size "
        "initializer_range intermediate_size layer_norm_eps num_attention_heads num_channels "
        "num_hidden_layers patch_size pooler_act pooler_output_size qkv_bias"),
}.items()}
"""Vision tower of transformers -> its fields."""

OUR_KEYS: dict[str, frozenset[str]] = {family: frozenset(keys.split()) for family, keys in {
    "palm_e": (
        "adaptation base language_is_frozen name_first_id naming_weight new_word_first_id new_words "
        "placeholder_first_id placeholder_last_id "
        "projector projector_width scene_encoder segmenter_config soft_tokens text_config vision_config"),
    "palm_e_vision": "base encoder image_size is_frozen levels mean name options source std",
    "palm_e_segmenter": (
        "clearance_m cluster_radius_m crop_size form is_cut is_flat level_depths margin_m min_pixels patch_px "
        "tells_distractors widths workspace_high_m workspace_low_m"),
}.items()}
"""The same of this project's own configurations."""

PART_KEYS: dict[str, frozenset[str]] = {part: frozenset(keys.split()) for part, keys in {
    "adaptation": "alpha dora dropout kind layers rank targets",
    "base": "name sha256",
}.items()}
"""Parts of this project's own configuration that are plain objects -> their keys."""
