/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-table"

#include "ctl/aip-ctl-table.h"

#define GAP 2

typedef struct
{
  char *text;
  gsize width;
  AipCtlStyle style;
} Cell;

struct _AipCtlTable
{
  GArray *cells; /* of Cell, row by row; with a title row if has_titles */
  guint n_columns;
  gboolean has_titles;
  gboolean *right;
};

static void
cell_clear (void *cell)
{
  g_free (((Cell *) cell)->text);
}

/**
 * aip_ctl_table_new:
 * @titles: (array zero-terminated=1): what stands above the columns; all empty: there is no such row
 *
 * Returns: (transfer full): a table without rows
 */
AipCtlTable *
aip_ctl_table_new (const char *const *titles)
{
  AipCtlTable *self;

  g_return_val_if_fail (titles != NULL && titles[0] != NULL, NULL);

  self = g_new0 (AipCtlTable, 1);
  self->cells = g_array_new (FALSE, FALSE, sizeof (Cell));
  g_array_set_clear_func (self->cells, cell_clear);
  self->n_columns = g_strv_length ((char **) titles);
  self->right = g_new0 (gboolean, self->n_columns);
  for (guint i = 0; i < self->n_columns; i++)
    self->has_titles = self->has_titles || titles[i][0] != '\0';
  for (guint i = 0; self->has_titles && i < self->n_columns; i++)
    aip_ctl_table_add_styled (self, titles[i], AIP_CTL_STYLE_BOLD);
  return self;
}

/**
 * aip_ctl_table_free:
 * @self: a table
 *
 * Frees it.
 */
void
aip_ctl_table_free (AipCtlTable *self)
{
  g_return_if_fail (self != NULL);

  g_array_unref (self->cells);
  g_free (self->right);
  g_free (self);
}

/**
 * aip_ctl_table_align_right:
 * @self: a table
 * @column: from 0; it holds numbers
 */
void
aip_ctl_table_align_right (AipCtlTable *self, guint column)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (column < self->n_columns);

  self->right[column] = TRUE;
}

/**
 * aip_ctl_table_add:
 * @self: a table
 * @text: what stands in the next cell; the rows follow one another
 */
void
aip_ctl_table_add (AipCtlTable *self, const char *text)
{
  aip_ctl_table_add_styled (self, text, AIP_CTL_STYLE_PLAIN);
}

/**
 * aip_ctl_table_add_styled:
 * @self: a table
 * @text: what stands in the next cell
 * @style: how to show it
 */
void
aip_ctl_table_add_styled (AipCtlTable *self, const char *text, AipCtlStyle style)
{
  GString *visible;
  Cell cell = { .style = style };

  g_return_if_fail (self != NULL);
  g_return_if_fail (text != NULL);

  visible = g_string_new (NULL);
  aip_ctl_print_append (visible, text);
  cell.text = g_string_free (visible, FALSE);
  cell.width = aip_ctl_print_width (cell.text);
  g_array_append_val (self->cells, cell);
}

/**
 * aip_ctl_table_count:
 * @self: a table
 *
 * Returns: how many rows there are, without the titles
 */
guint
aip_ctl_table_count (const AipCtlTable *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->cells->len / self->n_columns - self->has_titles;
}

static gsize *
measure (const AipCtlTable *self)
{
  gsize *widths = g_new0 (gsize, self->n_columns);

  for (guint i = 0; i < self->cells->len; i++)
    {
      gsize width = g_array_index (self->cells, Cell, i).width;

      widths[i % self->n_columns] = MAX (widths[i % self->n_columns], width);
    }
  return widths;
}

/* No blanks at the end of a line: the gap before a cell is written with the cell. */
static void
format_row (const AipCtlTable *self, guint first, const gsize *widths, gboolean colour, GString *out)
{
  gsize pending = 0;

  for (guint column = 0; column < self->n_columns; column++)
    {
      const Cell *cell = &g_array_index (self->cells, Cell, first + column);
      gsize padding = widths[column] - cell->width;

      if (cell->width > 0)
        {
          aip_ctl_print_append_padding (out, pending + (self->right[column] ? padding : 0));
          aip_ctl_print_append_styled (out, cell->text, cell->style, colour);
          pending = 0;
        }
      else if (self->right[column])
        pending += padding;
      pending += (self->right[column] ? 0 : padding) + GAP;
    }
  g_string_append_c (out, '\n');
}

/**
 * aip_ctl_table_format:
 * @self: a table whose last row is complete
 * @colour: whether to show styles
 *
 * Returns: (transfer full): its lines
 */
char *
aip_ctl_table_format (const AipCtlTable *self, gboolean colour)
{
  g_autofree gsize *widths = NULL;
  GString *out;

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (self->cells->len % self->n_columns == 0, NULL);

  widths = measure (self);
  out = g_string_new (NULL);
  for (guint i = 0; i < self->cells->len; i += self->n_columns)
    format_row (self, i, widths, colour, out);
  return g_string_free (out, FALSE);
}
